from __future__ import annotations

from pathlib import Path

import pytest

from helpers.running import write_rows
from mft_core.making.draft import Draft, Refused, Seed
from mft_core.making.maker import SeedRequest
from mft_core.records import Turn
from mft_core.testing import ScriptedAuthor
from mft_makers.self_instruct import SelfInstruct

KEPT = [Draft((Turn("user", f"made {number}"), Turn("assistant", "a"))) for number in range(5)]


def self_instruct(tmp_path: Path, **options: object) -> SelfInstruct:
    rows = [{"prompt": f"Write task {number}", "response": "a"} for number in range(10)]
    return SelfInstruct.from_options({"records": str(write_rows(tmp_path / "seeds.jsonl", rows)), **options})


def seeds(maker: SelfInstruct, turn: int = 0, kept: list[Draft] | None = None) -> list[Seed]:
    return list(maker.seeds(SeedRequest(round=turn, kept=kept or [])))


def test_a_question_shows_seeds_and_what_was_kept_in_the_rounds_before(tmp_path: Path) -> None:
    maker = self_instruct(tmp_path)
    for turn, kept, made in ((0, [], 0), (1, KEPT[:1], 1), (1, KEPT, 2)):
        found = seeds(maker, turn, kept)
        assert len(found) == 16
        for seed in found:
            shown = seed.facts["shown"]
            assert len(set(shown)) == len(shown) == 6 + made
            assert sum(task.startswith("made") for task in shown) == made
            assert seed.text.splitlines() == [f"{number}. {task}" for number, task in enumerate(shown, 1)]
        assert len({seed.text for seed in found}) == 16
    assert list(maker.own_seeds()) == [f"Write task {number}" for number in range(10)]


def test_rounds_without_anything_kept_end_it(tmp_path: Path) -> None:
    maker = self_instruct(tmp_path)
    assert seeds(maker, 2) != []
    assert seeds(maker, 3) == []
    assert seeds(maker, 3, KEPT) != []


@pytest.mark.parametrize(("language", "count"), [("en", 20), ("zh", 10)])
def test_there_are_seed_tasks(language: str, count: int) -> None:
    maker = SelfInstruct.from_options({"language": language})
    assert len(seeds(maker)) == 16
    assert len(maker.own_seeds()) == count
    assert [task for task in maker.own_seeds() if maker.fault(task)] == []


def test_new_tasks_are_filtered_and_solved(tmp_path: Path) -> None:
    maker = self_instruct(tmp_path, asked=6)
    seed = seeds(maker)[0]
    shown = seed.facts["shown"][0]
    lines = [
        "Write a stack.",
        "write a STACK",
        f"{shown}!",
        "Add it",
        "Parse a file of dates.",
        "- not a letter",
        "x y z",
    ]
    author = ScriptedAuthor({"instruction": "\n".join(f"{n}. {line}" for n, line in enumerate(lines, 1))})
    drafts = list(maker.make(seed, author))
    assert [draft.instruction for draft in drafts] == ["Write a stack.", "Parse a file of dates."]
    assert author.stages() == ["instruction", "solution", "solution"]
    assert maker.passed_over() == {
        "new task: it begins with no letter": 1,
        "new task: it repeats another": 2,
        "new task: not of 3 to 150 words": 1,
    }


def test_the_published_word_filters_are_an_option(tmp_path: Path) -> None:
    tasks = [
        "Read lines from a file",
        "Write a program that adds",
        "Traverse a graph in order",
        "Profile a loop please",
    ]
    plain, filtered = self_instruct(tmp_path), self_instruct(tmp_path, word_filters=True)
    assert [plain.fault(task) for task in tasks] == [""] * 4
    assert [bool(filtered.fault(task)) for task in tasks] == [True, True, True, False]


def test_chinese_tasks_are_measured_in_characters(tmp_path: Path) -> None:
    maker = self_instruct(tmp_path)
    assert maker.fault("写一个函数") == ""
    assert maker.fault("排序") != ""
    assert maker.fault("写" * 151) != ""


def test_an_answer_without_a_new_task_is_refused(tmp_path: Path) -> None:
    maker = self_instruct(tmp_path)
    seed = seeds(maker)[0]
    with pytest.raises(Refused, match="no new task: not of 3 to 150 words"):
        maker.make(seed, ScriptedAuthor({"instruction": "1. Sorry."}))
