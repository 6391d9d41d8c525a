"""Token stores: mapped, whole or made anew, one for all who want the same."""

from __future__ import annotations

import multiprocessing
import resource
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from helpers.forked_processes import ForkedProcess, run_to_its_end
from helpers.token_data import Counting, one_task, pair, prepare, task_file, texts
from mft_core.data.token_store import ARRAYS, EntryWriter, open_entry
from mft_core.errors import MftError
from mft_core.records import Record, TaskFiles, Turn
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_tokenization.tokenizations import MftCoder


def test_the_arrays_agree_with_the_samples(tmp_path: Path) -> None:
    (task,) = one_task(tmp_path, [pair(number, number + 1) for number in range(30)])
    for store in (task.train, task.valid):
        samples = [store.sample(number) for number in range(len(store))]
        assert store.lengths.tolist() == [len(sample.ids) for sample in samples]
        assert store.supervised_counts.tolist() == [int(sample.supervised.sum()) for sample in samples]
        assert store.lengths.dtype == store.supervised_counts.dtype == np.int64
        assert all(sample.ids.dtype == np.int64 and sample.supervised.dtype == bool for sample in samples)
        assert not any(sample.supervised[0] for sample in samples)
    assert task.report.tokens == task.train.lengths.sum()
    assert task.report.supervised == task.train.supervised_counts.sum()
    assert str(task.train.entry.folder / "ids.bin") in Path("/proc/self/maps").read_text(encoding="utf-8")
    assert task.train.entry.ids.dtype == np.uint16


def test_supervision_comes_back_as_it_was_encoded(tmp_path: Path) -> None:
    rounds = [{"role": role, "content": f"{role} {turn}"} for turn in range(3) for role in ("user", "assistant")]
    (task,) = one_task(tmp_path, [{"text": "a b c"}, {"messages": rounds}, pair(1), {"text": "d"}], valid_fraction=1e-9)
    tokenization = MftCoder()
    tokenization.bind(small_tokenizer())
    turns = tuple(Turn(turn["role"], turn["content"]) for turn in rounds)
    expected = tokenization.encode(Record(turns=turns))
    stores = [(store, number) for store in (task.train, task.valid) for number in range(len(store))]
    (found,) = [store.sample(number) for store, number in stores if store.origin(number).endswith(":2")]
    assert found.ids.tolist() == expected.ids.tolist()
    assert found.supervised.tolist() == expected.supervised.tolist()
    assert np.count_nonzero(np.diff(found.supervised.astype(int)) == 1) == 3


def test_a_store_is_mapped_and_small(tmp_path: Path) -> None:
    (task,) = one_task(tmp_path, [pair(number) for number in range(2000)])
    entry = task.train.entry
    arrays = (entry.ids, entry.spans, *(getattr(entry, name) for name in ARRAYS))
    assert not any(array.flags.owndata or array.flags.writeable for array in arrays)
    assert sum(array.nbytes for array in arrays) <= 2 * len(entry.ids) + 57 * len(entry)


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_many_tasks_need_no_more_open_files_than_one(tmp_path: Path) -> None:
    files = []
    for number in range(30):
        train, valid = (
            task_file(tmp_path / f"t{number}" / f"{side}.jsonl", [pair(1000 * number + part) for part in parts])
            for side, parts in (("train", range(9)), ("valid", range(100, 103)))
        )
        files.append(TaskFiles(f"t{number:02}", (train,), (valid,)))
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = open_files()
    resource.setrlimit(resource.RLIMIT_NOFILE, (opened + 20, limit[1]))
    try:
        made = prepare(files, tmp_path / "cache")
        again = prepare(files, tmp_path / "cache", Counting)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    assert open_files() <= opened + 2
    for tasks in (made, again):
        assert [(len(task.train), len(task.valid)) for task in tasks] == [(9, 3)] * 30
        assert texts(tasks[29].valid) == texts(made[29].valid)


@pytest.mark.parametrize("name", ["ids.bin", "spans.bin", "offsets.npy", "quarantine.jsonl", "meta.json"])
@pytest.mark.parametrize("damage", ["flipped", "torn", "gone"])
def test_a_damaged_entry_is_made_anew(tmp_path: Path, name: str, damage: str) -> None:
    records = [*[pair(number) for number in range(30)], "{"]
    (task,) = one_task(tmp_path, records)
    whole, path = texts(task.train), task.train.entry.folder / name
    content = bytearray(path.read_bytes())
    del task
    if damage == "flipped":
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
    elif damage == "torn":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.unlink()
    Counting.calls = 0
    (again,) = one_task(tmp_path, records)
    assert texts(again.train) == whole
    assert open_entry(again.train.entry.folder) is not None
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [again.train.entry.folder.name]


def test_what_a_killed_process_left_is_not_taken_for_an_entry(tmp_path: Path) -> None:
    records = [pair(number) for number in range(10)]
    (task,) = one_task(tmp_path, records)
    folder = task.train.entry.folder
    (folder / "meta.json").rename(tmp_path / "meta.json")
    folder.rename(folder.with_name(f"{folder.name}.0.partial"))
    (again,) = one_task(tmp_path, records)
    assert len(again.train) == 9


def _prepare_in_process(file: Path, cache: Path, barrier: object) -> None:
    barrier.wait(60)  # type: ignore[attr-defined]
    (task,) = prepare([TaskFiles("t", (file,), ())], cache)
    assert len(texts(task.train)) == 285


@pytest.mark.slow
def test_two_processes_make_one_entry(tmp_path: Path) -> None:
    barrier = multiprocessing.get_context("forkserver").Barrier(2)
    file = task_file(tmp_path / "t" / "train.jsonl", [pair(number) for number in range(300)])
    racers = [ForkedProcess(partial(_prepare_in_process, file, tmp_path / "cache", barrier)) for _ in range(2)]
    said = [racer.communicate()[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0], said
    (entry,) = (tmp_path / "cache").iterdir()
    assert open_entry(entry) is not None


def test_the_entry_that_came_first_stays(tmp_path: Path) -> None:
    target, none = tmp_path / "entry", np.zeros(0, np.int64)
    columns = dict.fromkeys(("lengths", "supervised_counts", "digests", "folded_digests", "files", "places"), none)
    writers = [EntryWriter(target, np.dtype(np.uint16)) for _ in range(2)]
    for number, writer in enumerate(writers):
        with writer:
            writer.add(none, none, columns, [])
            writer.finish({"read": number}, [":{place}"])
    entry = open_entry(target)
    assert entry is not None
    assert (entry.counts, len(entry)) == ({"read": 0}, 0)
    assert list(tmp_path.iterdir()) == [target]


def _prepare_with_little_space(path: Path, folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))  # writing more fails, as on a full disk
    with pytest.raises(MftError, match="cannot be written"):
        prepare([TaskFiles("t", (path,))], folder / "cache")


@pytest.mark.slow
def test_a_full_disk_is_said_and_cleaned_up(tmp_path: Path) -> None:
    records = [pair(number, 50) for number in range(400)]
    path = task_file(tmp_path / "t.jsonl", records)
    run_to_its_end(partial(_prepare_with_little_space, path, tmp_path))
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(MftError, match="cannot be written") as caught:
        one_task(tmp_path, [pair(0)])
    assert "MFT_CACHE" in caught.value.hint
