"""The records of all sides in pieces of work: whole, in order, and marked where a side ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.readers import READERS
from helpers.token_data import pair, prepare, task_file
from helpers.worker_tokenizations import FaultyLater
from mft_core.data.jobs import CHUNK_BYTES, jobs_of
from mft_core.data.length_guard import LengthPolicy
from mft_core.data.sides import Side, readable_sides
from mft_core.data.tokenization import BoundTokenization
from mft_core.errors import MftError
from mft_core.records import TaskFiles
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_tokenization.tokenizations import MftCoder


def sides(folder: Path, *paths: Path) -> list[Side]:
    files = [TaskFiles(path.stem, (path,)) for path in paths]
    found, errors = readable_sides(files, READERS, ["key"], folder, LengthPolicy(64, "drop"))
    assert errors == []
    return [train for train, _ in found.values()]


def test_every_line_is_in_one_job_and_the_last_job_of_a_side_says_so(tmp_path: Path) -> None:
    records = [pair(number, 300) for number in range(400)]
    many, few, none = (tmp_path / f"{name}.jsonl" for name in ("many", "few", "none"))
    for path, count in ((many, 400), (few, 3), (none, 0)):
        task_file(path, records[:count])
    bound = BoundTokenization(MftCoder(), small_tokenizer())
    jobs = list(jobs_of(sides(tmp_path, many, few, none), lambda _: bound))
    ends = [number for number, job in enumerate(jobs, 1) if job.last]
    first, second, third = jobs[: ends[0]], jobs[ends[0] : ends[1]], jobs[ends[1] :]
    assert len(first) == -(-many.stat().st_size // (CHUNK_BYTES + len(str(records[0]))))
    assert [line.place for job in first for line in job.lines] == list(range(1, 401))
    assert [len(job.lines) for job in second] == [3]
    assert [len(job.lines) for job in third] == [0]
    assert {job.origins[0] for job in second} == {f"{few}:{{place}}"}


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_what_is_tokenised_before_a_fault_of_another_task_stays(tmp_path: Path, processes: int) -> None:
    names = [("a", range(30)), ("b", range(30, 60)), ("c", range(60, 90)), ("d", range(90, 120))]
    files = [
        TaskFiles(name, (task_file(tmp_path / f"{name}.jsonl", [pair(number) for number in numbers]),))
        for name, numbers in names
    ]
    with pytest.raises(MftError, match=r"c\.jsonl:18: the tokenization FaultyLater failed"):
        prepare(files, tmp_path / "cache", FaultyLater, processes)
    assert len(list((tmp_path / "cache").iterdir())) == 2
    told: list[str] = []
    prepare(files[:2], tmp_path / "cache", FaultyLater, on_progress=lambda name, *_: told.append(name))
    assert told == []


def test_what_is_tokenised_before_a_file_that_cannot_be_read_stays(tmp_path: Path) -> None:
    good = task_file(tmp_path / "good.jsonl", [pair(number) for number in range(30)])
    cut = tmp_path / "cut.json"
    cut.write_text('[{"prompt": "a", "response": "b"}, {"prompt": "c", ', encoding="utf-8")
    with pytest.raises(MftError, match=r"cut\.json"):
        prepare([TaskFiles("good", (good,)), TaskFiles("cut", (cut,))], tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 1


@pytest.mark.slow
def test_many_small_tasks_are_the_same_for_any_number_of_processes(tmp_path: Path) -> None:
    files = [
        TaskFiles(f"t{task}", (task_file(tmp_path / f"{task}.jsonl", [pair(100 * task + n) for n in range(20)]),))
        for task in range(40)
    ]
    found = [prepare(files, tmp_path / f"cache{processes}", processes=processes) for processes in (1, 3)]
    contents = [
        [{file.name: file.read_bytes() for file in task.train.entry.folder.iterdir()} for task in tasks]
        for tasks in found
    ]
    assert contents[0] == contents[1]
    assert [task.report.read for task in found[1]] == [20] * 40
