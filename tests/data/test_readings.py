"""Tasks that share files become what they would be with files of their own, by one reading."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from helpers.shared_tasks import of, shared_file, split
from helpers.token_data import answers, pair, prepare, task_file
from mft_core.data import few_samples, readings
from mft_core.data.identity import identities
from mft_core.data.tasks import TaskSet, write_quarantine
from mft_core.errors import MftError
from mft_core.records import TaskFiles
from mft_readers.json_lines import JsonLines

CHANNELS = ["code", "chat", "my sql", 7]


def mixed(count: int = 120, first: int = 0) -> list[dict]:
    return [of(CHANNELS[number * 5 % 7 % len(CHANNELS)], number) for number in range(first, first + count)]


def own_files(folder: Path, records: list[dict]) -> list[TaskFiles]:
    by_name: dict[str, list[dict]] = {}
    for record in records:
        by_name.setdefault(str(record["channel"]).replace(" ", "_"), []).append(record)
    return [
        TaskFiles(name, (task_file(folder / f"{name}.jsonl", of_name),)) for name, of_name in sorted(by_name.items())
    ]


@pytest.mark.parametrize("waiting", [16 << 20, 500])
@pytest.mark.parametrize("settings", [{}, {"max_samples": 9, "valid_fraction": 0.3}])
def test_as_with_files_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict, waiting: int
) -> None:
    monkeypatch.setattr(readings, "MOST_WAITING", waiting)
    together = prepare(shared_file(tmp_path, mixed()), tmp_path / "cache", **settings)
    alone = prepare(own_files(tmp_path, mixed()), tmp_path / "others", task_field="channel", **settings)
    assert identities(together) == identities(alone)
    assert [task.report for task in together] == [task.report for task in alone]
    assert all(answers(one.train) == answers(other.train) for one, other in zip(together, alone, strict=True))


@pytest.mark.slow
def test_the_same_by_worker_processes(tmp_path: Path) -> None:
    from helpers.token_data import small_tokenizer
    from mft_core.data.tokenising import prepare_tasks
    from mft_core.recipe.schema import DataSection
    from mft_tokenization.tokenizations import MftCoder

    found = []
    for processes in (1, 2):
        tokenizer, tokenization = small_tokenizer(), MftCoder()
        tokenization.bind(tokenizer)
        tasks = prepare_tasks(
            shared_file(tmp_path, [*mixed(2000), pair(1)]), tokenization, tokenizer, DataSection(),
            tmp_path / str(processes), processes=processes,
        )  # fmt: skip
        found.append((identities(tasks), tasks.without_task[0].report.examples))
    assert found[0] == found[1]


def test_origins_are_those_of_the_files(tmp_path: Path) -> None:
    one = task_file(tmp_path / "a.jsonl", [of("x", 0), of("y", 1), of("x", 2)])
    two = task_file(tmp_path / "b.json", [json.dumps([of("y", 3), of("y", 4)])])
    x, y = prepare(split(tmp_path, TaskFiles("a", (one,)), TaskFiles("b", (two,))), tmp_path / "c", valid_fraction=0.01)
    origins = {
        task.name: {store.origin(number) for store in (task.train, task.valid) for number in range(len(store))}
        for task in (x, y)
    }
    assert origins == {"x": {f"{one}:1", f"{one}:3"}, "y": {f"{one}:2", f"{two}[0]", f"{two}[1]"}}


def test_a_file_is_read_once_for_all_its_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = shared_file(tmp_path, [*mixed(), pair(0)], [*mixed(20, 500), pair(1)])
    read: list[str] = []
    records = JsonLines.records

    def counted(self: JsonLines, path: Path) -> object:
        read.append(path.name)
        return records(self, path)

    monkeypatch.setattr(JsonLines, "records", counted)
    prepare(tasks, tmp_path / "cache", max_bad=0.5)
    assert read == ["mix.jsonl", "mix_valid.jsonl"]
    prepare(tasks, tmp_path / "cache", max_bad=0.5)
    assert len(read) == 2


def test_where_few_samples_are_wanted_they_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"max_samples": 2, "max_valid_samples": 1, "max_bad": 0.5}
    tasks = shared_file(tmp_path, [*mixed(1400), pair(7)])
    whole = prepare(tasks, tmp_path / "whole", **few)
    monkeypatch.setattr(few_samples, "SMALL_BYTES", 0)
    part = prepare(tasks, tmp_path / "part", **few)
    assert [answers(task.train) + answers(task.valid) for task in part] == [
        answers(task.train) + answers(task.valid) for task in whole
    ]
    assert sum(len(task.train.entry) for task in part) < sum(len(task.train.entry) for task in whole) / 5
    assert [task.report.read for task in part] == [task.report.read for task in whole]
    assert part.without_task[0].report == whole.without_task[0].report


def test_validation_files_are_split_by_the_same_field(tmp_path: Path) -> None:
    tasks = prepare(shared_file(tmp_path, mixed(), [of("chat", 900), of("chat", 901), of(7, 902)]), tmp_path / "cache")
    assert {task.name: answers(task.valid) for task in tasks if task.name in ("7", "chat")} == {
        "7": ["902 903 904<|endoftext|>"], "chat": ["900 901 902<|endoftext|>", "901 902 903<|endoftext|>"],
    }  # fmt: skip
    whole = tasks[tasks.names.index("code")].report
    assert (whole.valid, whole.train) == (2, 33), "a task that none of them has gives up its share"


@pytest.fixture
def broken(tmp_path: Path) -> TaskSet:
    records = [*mixed(), {**pair(200), "channel": None}, pair(201), "{no json", of(["a"], 202),
               {"prompt": "q", "response": "", "channel": "chat"}]  # fmt: skip
    return prepare(shared_file(tmp_path, records), tmp_path / "cache", max_bad=0.04)


def test_records_of_no_task_are_counted_and_kept(tmp_path: Path, broken: TaskSet) -> None:
    (nameless,) = broken.without_task
    assert nameless.report.bad == {"bad JSON": 1, "bad task field": 1, "missing task field": 2}
    assert nameless.report.read + sum(task.report.read for task in broken) == 125
    chat = broken[broken.names.index("chat")].report
    assert (chat.bad, chat.read) == ({"empty response": 1}, chat.train + chat.valid + 1)
    assert write_quarantine(broken, tmp_path / "quarantine.jsonl") == 5
    kept = [json.loads(line) for line in (tmp_path / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(line["task"], line["line"], line["reason"]) for line in kept] == [
        ("chat", 125, "empty response"),
        ("", 121, "missing task field"), ("", 122, "missing task field"),
        ("", 123, "bad JSON"), ("", 124, "bad task field"),
    ]  # fmt: skip


def test_too_many_records_of_no_task_are_an_error(tmp_path: Path) -> None:
    tasks = shared_file(tmp_path, [*mixed(20), *(pair(number) for number in range(2))])
    with pytest.raises(
        MftError, match=r"2 of 22 records have no 'channel' .*mix\.jsonl \(2 missing task field\)"
    ) as caught:
        prepare(tasks, tmp_path / "cache")
    assert f"{tmp_path}/mix.jsonl:21 missing task field" in caught.value.message
    assert (tmp_path / "cache" / "quarantine.jsonl").is_file()
    assert len(prepare(tasks, tmp_path / "cache", max_bad=0.1)) == 4


def test_a_chosen_task_alone(tmp_path: Path) -> None:
    tasks = shared_file(tmp_path, mixed())
    (chat,) = prepare([task for task in tasks if task.name == "chat"], tmp_path / "cache")
    every = prepare(tasks, tmp_path / "other")
    assert np.array_equal(chat.train.entry.digests, every[1].train.entry.digests)
    assert len(list((tmp_path / "cache").iterdir())) == 1
