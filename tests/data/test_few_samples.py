"""Where few samples are wanted, only these are tokenised, and they are the same as if all had been."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from helpers.token_data import Counting, pair, prepare, task_file
from mft_core.data.few_samples import SMALL_BYTES
from mft_core.data.tasks import Task, TaskSet
from mft_core.data.token_store import TokenStore
from mft_core.records import TaskFiles
from mft_core.run.data_warnings import data_warnings

LONG = 90


def many(path: Path, count: int = 2000, overlong: float = 0.0, bad: int = 0, seed: int = 0) -> Path:
    """A file that is not small, of records of which some are too long and some are none."""
    chance = random.Random(seed)
    records: list[object] = [
        {**pair(number, LONG if chance.random() < overlong else 3), "id": f"{number:0700}"} for number in range(count)
    ]
    records += ["{"] * bad
    chance.shuffle(records)
    task_file(path, records)
    assert path.stat().st_size > SMALL_BYTES
    return path


def found(store: TokenStore) -> list[tuple[str, list[int]]]:
    return [(store.origin(number), store.sample(number).ids.tolist()) for number in range(len(store))]


def both(folder: Path, files: TaskFiles, **settings: object) -> tuple[Task, Task]:
    """The task of few samples, and the same where everything was tokenised before."""
    (few,) = prepare([files], folder / "few", Counting, **settings)
    unlimited = {key: value for key, value in settings.items() if not key.startswith(("max_samples", "max_valid"))}
    prepare([files], folder / "whole", Counting, **unlimited)
    (whole,) = prepare([files], folder / "whole", Counting, **settings)
    return few, whole


def is_whole(task: Task) -> bool:
    """Every record is in one place."""
    report = task.report
    places = report.train + report.valid + report.left_out + report.unseen + report.excluded + report.overlong
    return report.read - report.split + report.parts == places + report.bad_records


def test_the_samples_are_those_of_the_whole_and_few_are_tokenised(tmp_path: Path) -> None:
    files = TaskFiles("t", (many(tmp_path / "t.jsonl", bad=7),))
    Counting.calls = 0
    (few,) = prepare([files], tmp_path / "few", Counting, max_samples=20, max_valid_samples=10)
    assert Counting.calls < 60
    few_calls = Counting.calls
    prepare([files], tmp_path / "few", Counting, max_samples=20, max_valid_samples=10)
    assert Counting.calls == few_calls
    _, whole = both(tmp_path, files, max_samples=20, max_valid_samples=10)
    assert (len(few.train), len(few.valid)) == (20, 10)
    assert found(few.train) == found(whole.train)
    assert found(few.valid) == found(whole.valid)
    assert few.report.bad == whole.report.bad == {"bad JSON": 7}
    assert (few.report.read, few.report.tokens) == (whole.report.read, whole.report.tokens)
    assert is_whole(few)
    assert is_whole(whole)
    assert few.report.unseen == 2000 - few_calls
    assert whole.report.unseen == 0


@pytest.mark.parametrize("has_valid", [False, True])
def test_a_cap_of_training_samples_alone_caps_validation_too(tmp_path: Path, has_valid: bool) -> None:
    valid = (many(tmp_path / "v.jsonl", seed=1),) if has_valid else ()
    few, whole = both(tmp_path, TaskFiles("t", (many(tmp_path / "t.jsonl"),), valid), max_samples=20)
    assert (len(few.train), len(few.valid), len(whole.valid)) == (20, 20, 20)
    assert found(few.valid) == found(whole.valid)


def test_others_take_the_place_of_those_that_are_too_long(tmp_path: Path) -> None:
    train = many(tmp_path / "t.jsonl", overlong=0.7)
    valid = many(tmp_path / "v.jsonl", overlong=0.3, seed=1)
    files = TaskFiles("t", (train,), (valid,))
    few, whole = both(tmp_path, files, max_samples=20, max_valid_samples=20, max_length=64)
    assert few.report.unseen > 3000
    assert 0 < few.report.overlong < whole.report.overlong
    assert found(few.train) == found(whole.train)
    assert found(few.valid) == found(whole.valid)
    assert is_whole(few)


def test_what_was_tokenised_before_decides_on_no_sample(tmp_path: Path) -> None:
    """Also where over-long records make the share that validates another one, which is known of tokenised ones only."""
    files = TaskFiles("t", (many(tmp_path / "t.jsonl", overlong=0.2),))
    few, whole = both(tmp_path, files, max_samples=10, max_length=64)
    assert few.report.unseen > 1000
    assert whole.report.unseen == 0
    assert found(few.train) == found(whole.train)
    assert found(few.valid) == found(whole.valid)
    assert is_whole(whole)


def test_all_are_tokenised_where_next_to_none_can_be_used_or_not_few_are_wanted(tmp_path: Path) -> None:
    files = TaskFiles("t", (many(tmp_path / "t.jsonl", overlong=0.98),))
    few, whole = both(tmp_path / "a", files, max_samples=20, max_valid_samples=1, max_length=64)
    assert few.report == whole.report
    assert found(few.train) == found(whole.train)
    files = TaskFiles("t", (many(tmp_path / "t.jsonl"),))
    few, whole = both(tmp_path / "b", files, max_samples=300)
    assert few.report == whole.report


def test_long_texts_are_split_into_the_same_samples(tmp_path: Path) -> None:
    text = " ".join(map(str, range(300)))
    path = task_file(tmp_path / "t.jsonl", [{"text": f"{number} {text}"} for number in range(1200)])
    settings = {"max_samples": 20, "max_valid_samples": 3, "max_length": 64, "overlong": "split"}
    few, whole = both(tmp_path, TaskFiles("t", (path,)), **settings)
    assert few.report.unseen > 1000
    assert found(few.train) == found(whole.train)
    assert found(few.valid) == found(whole.valid)
    assert is_whole(few)


@pytest.mark.slow
def test_any_number_of_processes_chooses_the_same(tmp_path: Path) -> None:
    files = [TaskFiles(name, (many(tmp_path / f"{name}.jsonl", seed=seed),)) for seed, name in enumerate("ab")]
    tasks = [
        prepare(files, tmp_path / f"cache{processes}", processes=processes, max_samples=20, max_valid_samples=5)
        for processes in (1, 3)
    ]
    for one, other in zip(*tasks, strict=True):
        assert found(one.train) == found(other.train)
        assert one.report == other.report


def test_it_is_said_how_many_were_looked_at(tmp_path: Path) -> None:
    files = TaskFiles("t", (many(tmp_path / "t.jsonl"),))
    tasks = prepare([files], tmp_path / "few", max_samples=20, max_valid_samples=10)
    (line,) = [line for line in data_warnings(tasks, False) if "looked at" in line]
    seen = 2000 - tasks[0].report.unseen
    assert line == (
        f"looked at {seen} of 2,000 in t: few samples are wanted, so it is not known how many of the others "
        "are too long"
    )
    assert not [line for line in data_warnings(TaskSet(()), False) if "looked at" in line]
    assert np.array_equal(np.sort(tasks[0].train.index), tasks[0].train.index)
