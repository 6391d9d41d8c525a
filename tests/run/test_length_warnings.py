"""What is lost for its length is said, with the length that would keep most of it."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

from helpers.running import arguments, mft, write_rows
from helpers.token_data import one_task, prepare, task_file
from mft_core.data.tasks import TaskReport, TaskSet
from mft_core.records import TaskFiles
from mft_core.run.length_warnings import kept_share, length_warnings, lost_share
from mft_core.support.reading import TaskSampling


def rows(count: int, words: int) -> list[dict]:
    return [{"prompt": f"{words} {number}", "response": "word " * words} for number in range(count)]


def said(tasks: TaskSet, max_length: int, overlong: str = "drop", longest: int | None = None) -> list[str]:
    return list(length_warnings(tasks, max_length, overlong, longest))


def lengths(tmp_path, records: list[dict]) -> list[int]:
    """Tokens of the records, measured with room for all."""
    store = one_task(tmp_path / "all", records, valid_fraction=0.0001, max_length=100_000)[0]
    return sorted([*store.train.lengths.tolist(), *store.valid.lengths.tolist()])


def test_the_proposed_length_keeps_what_it_says(tmp_path) -> None:
    records = [*rows(54, 3), *rows(44, 60), *rows(2, 300)]
    tokens = lengths(tmp_path, records)
    limit = (tokens[53] + tokens[54]) // 2
    tasks = one_task(tmp_path, records, max_length=limit)
    (text,) = said(tasks, limit)
    assert text.startswith(f"46% of t is over {limit} tokens; ")
    length, kept = map(int, re.findall(r"; ([\d,]+) would keep (\d+)%", text.replace(",", ""))[0])
    assert length % 64 == 0
    assert f"--set data.max_length={length}" in text
    assert kept == 98 == sum(each <= length for each in tokens)
    assert length - 64 < tokens[97] <= length, "the smallest that does"


def test_what_is_counted_adds_up_over_files_and_survives_the_cache(tmp_path) -> None:
    for _ in range(2):
        tasks = one_task(tmp_path, [*rows(5, 2), *rows(3, 80), "{}"], rows(2, 80), max_length=60, max_bad=0.5)
        report = tasks[0].report
        assert sum(report.longer.values()) == report.overlong == 5
        assert lost_share(report) == Fraction(5, 10)


@pytest.mark.parametrize(("overlong", "fate"), [("drop", "dropped"), ("truncate", "cut"), ("split", "dropped")])
def test_it_says_what_becomes_of_them(tmp_path, overlong: str, fate: str) -> None:
    tasks = one_task(tmp_path, [*rows(8, 2), *rows(8, 70)], max_length=60, overlong=overlong)
    (text,) = said(tasks, 60, overlong)
    assert text.endswith(f"now it is {fate}")
    assert ("whole" in text) == (overlong == "truncate")


def test_plain_text_that_is_split_is_not_lost(tmp_path) -> None:
    tasks = one_task(tmp_path, [{"text": "word " * 90 + str(n)} for n in range(8)], max_length=60, overlong="split")
    assert tasks[0].report.split == 8
    assert said(tasks, 60, "split") == []


def report(read: int, longer: dict[str, int]) -> TaskReport:
    return TaskReport(read, 1, 1, {}, sum(longer.values()), 0, 0, 0, 0, 0, 0, 1, 1, longer=longer)


def test_shares_are_of_usable_records_and_never_flattered() -> None:
    half = report(8, {"576": 1, "640": 2, "4096": 1})
    assert lost_share(half) == Fraction(1, 2)
    assert [kept_share(half, length) for length in (512, 576, 640, 4095, 4096)] == [
        Fraction(4, 8), Fraction(5, 8), Fraction(7, 8), Fraction(7, 8), 1,
    ]  # fmt: skip


def test_lengths_beyond_the_models_positions_are_not_proposed(tmp_path) -> None:
    tasks = one_task(tmp_path, [*rows(10, 2), *rows(10, 90), *rows(10, 400)], max_length=60)
    (text,) = said(tasks, 60, longest=500)
    assert "; 500, all the model has positions for, would keep 66%" in text
    for longest in (60, 80):  # neither keeps more
        (text,) = said(tasks, 60, longest=longest)
        assert "would keep" not in text
        assert "data.overlong" in text


def test_a_task_with_a_length_of_its_own_is_told_of_that_one(tmp_path) -> None:
    path = task_file(tmp_path / "train.jsonl", [*rows(10, 2), *rows(10, 90)])
    files = [TaskFiles("own", (path,), sampling=TaskSampling(max_length=60)), TaskFiles("rest", (path,))]
    (text,) = said(prepare(files, tmp_path / "cache", max_length=500), 500)
    assert text.startswith("50% of own is over 60 tokens; ")
    length = int(re.findall(r"; (\d+) would keep 100%", text)[0])
    assert f"(max_length = {length} in its [[data.tasks]])" in text
    (text,) = said(prepare(files[:1], tmp_path / "cache", max_length=70), 70)
    assert f"(max_length = {length} in its [[data.tasks]] and --set data.max_length={length})" in text
    several = [
        TaskFiles(f"t{length}", (path,), sampling=TaskSampling(max_length=length)) for length in (50, 55, 60, 65, 70)
    ]
    texts = said(prepare(several, tmp_path / "cache", max_length=500), 500)
    assert texts[3] == "up to 50% of 2 more tasks is over 65 to 70 tokens and dropped"


def test_less_than_a_hundredth_is_left_to_the_table(tmp_path) -> None:
    assert said(one_task(tmp_path, [*rows(199, 2), *rows(1, 90)], max_length=60), 60) == []


def test_of_many_tasks_those_that_lose_most_are_named(tmp_path) -> None:
    files = [
        TaskFiles(f"t{n}", (task_file(tmp_path / f"t{n}" / "train.jsonl", [*rows(10, 2), *rows(n, 90)]),))
        for n in range(1, 9)
    ]
    texts = said(prepare(files, tmp_path / "cache", max_length=60), 60)
    assert [text.partition(" is over")[0] for text in texts[:3]] == ["44% of t8", "41% of t7", "38% of t6"]
    assert texts[3:] == ["up to 33% of 5 more tasks is over 60 tokens and dropped"]


@pytest.mark.slow
def test_the_plan_of_a_run_says_it(tmp_path, capsys) -> None:
    (tmp_path / "data" / "unit_test").mkdir(parents=True)
    write_rows(tmp_path / "data" / "unit_test" / "train.jsonl", [*rows(10, 2), *rows(8, 150)])
    command = [*arguments(tmp_path / "data", tmp_path / "run"), "--dry-run"]
    assert mft(*command) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "44% of unit_test is over 128 tokens; " in text
    proposed = re.findall(r"would keep 100% \((--set data\.max_length=\d+)\)", text)[0]
    assert mft(*command, *proposed.split()) == 0
    assert "is over" not in capsys.readouterr().out, "what it proposes does it"
