from __future__ import annotations

import gzip
import itertools
import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mft_core.data.tasks import TaskSet, write_quarantine
from mft_core.data.token_store import ARRAYS, EntryWriter, TokenStore, open_entry
from mft_core.data.tokenising import (
    CHUNK_BYTES,
    prepare_tasks,
    template_fingerprint,
    tokenizer_fingerprint,
)
from mft_core.errors import MftError
from mft_core.interfaces import Tokenization
from mft_core.recipe.schema import DataSection
from mft_core.records import Record, Sample, TaskFiles, Turn
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_tokenization.tokenizations import ChatMl, MftCoder


class Counting(MftCoder):
    """MFTCoder's roles; counts how often it encodes in this process."""

    calls = 0

    def encode(self, record: Record) -> Sample:
        type(self).calls += 1
        return super().encode(record)


class Suicidal(MftCoder):
    """Ends its process without a word, as the kernel does where memory runs out."""

    def encode(self, record: Record) -> Sample:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().encode(record)


class Faulty(MftCoder):
    """A plugin with a fault."""

    def encode(self, record: Record) -> Sample:
        raise KeyError("oops")


def pair(number: int, length: int = 3) -> dict:
    return {"prompt": f"question {number}", "response": " ".join(str(number + offset) for offset in range(length))}


def task_file(path: Path, records: Sequence[object]) -> Path:
    """Records as lines; a string is written as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    content = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def prepare(
    files: list[TaskFiles], cache: Path, kind: type[Tokenization] = MftCoder, processes: int = 1, **settings: object
) -> TaskSet:
    tokenizer, tokenization = small_tokenizer(), kind()
    tokenization.bind(tokenizer)
    return prepare_tasks(files, tokenization, tokenizer, DataSection(**settings), cache, processes=processes)


def one_task(tmp_path: Path, records: Sequence[object], valid: Sequence[object] = (), **settings: object) -> TaskSet:
    train = task_file(tmp_path / "t" / "train.jsonl", records)
    held_out = (task_file(tmp_path / "t" / "valid.jsonl", valid),) if valid else ()
    return prepare([TaskFiles("t", (train,), held_out)], tmp_path / "cache", **settings)


def texts(store: TokenStore) -> list[str]:
    tokenizer = small_tokenizer()
    return [tokenizer.decode(store.sample(number).ids) for number in range(len(store))]


def answers(store: TokenStore) -> list[str]:
    tokenizer = small_tokenizer()
    samples = [store.sample(number) for number in range(len(store))]
    return [tokenizer.decode(sample.ids[sample.supervised]) for sample in samples]


def test_every_record_is_in_exactly_one_place(tmp_path: Path) -> None:
    tasks = one_task(tmp_path, [pair(number) for number in range(100)], valid_fraction=0.1)
    (task,) = tasks
    seen = sorted(texts(task.train) + texts(task.valid))
    assert seen == sorted(
        f"<s>human\nquestion {number}\n<s>bot\n{number} {number + 1} {number + 2}<|endoftext|>\n"
        for number in range(100)
    )
    assert (len(task.train), len(task.valid)) == (90, 10)
    assert answers(task.train)[0].endswith("<|endoftext|>")


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
    assert isinstance(task.train.entry.ids.base, np.memmap)
    assert task.train.entry.ids.dtype == np.uint16


def test_the_counts_of_a_set_of_tasks(tmp_path: Path) -> None:
    files = [
        TaskFiles(name, (task_file(tmp_path / f"{name}.jsonl", [pair(n) for n in range(size)]),), weight=weight)
        for name, size, weight in (("b", 1, 2.0), ("a", 41, 1.0))
    ]
    tasks = prepare(files, tmp_path / "cache")
    assert tasks.names == ("b", "a")
    assert [task.index for task in tasks] == [0, 1]
    assert tasks.counts.samples.tolist() == [1, 39]
    assert tasks.counts.importance.tolist() == [2.0, 1.0]
    assert tasks.counts.tokens.tolist() == [task.train.supervised_counts.sum() for task in tasks]
    assert tasks[0].report.valid == 0  # one record trains; it cannot also validate


def test_a_samples_origin_is_its_line(tmp_path: Path) -> None:
    first = task_file(tmp_path / "1.jsonl", ["", pair(0), "not json"])
    second = task_file(tmp_path / "2.jsonl.gz", [pair(1)])
    (task,) = prepare([TaskFiles("t", (first, second))], tmp_path / "cache", max_bad=0.5, valid_fraction=0.5)
    origins = {
        text.split()[2]: store.origin(number)
        for store in (task.train, task.valid)
        for number, text in enumerate(texts(store))
    }
    assert origins == {"0": f"{first}:2", "1": f"{second}:1"}


def test_equal_records_fall_on_one_side(tmp_path: Path) -> None:
    records = [pair(number % 20) | {"id": number} for number in range(60)]
    (task,) = one_task(tmp_path, records, valid_fraction=0.3)
    assert not set(texts(task.train)) & set(texts(task.valid))
    assert (len(task.train), len(task.valid)) == (42, 18)
    assert task.report.duplicates == 28
    assert task.report.overlap == 0


def test_duplicates_and_overlap_are_reported_and_kept(tmp_path: Path) -> None:
    records = [pair(0), pair(1), pair(1), pair(2)]
    (task,) = one_task(tmp_path, records, valid=[pair(1), pair(5)])
    assert (len(task.train), len(task.valid)) == (4, 2)
    assert (task.report.duplicates, task.report.overlap) == (1, 1)
    (copied,) = one_task(tmp_path, records, valid=records)
    assert (copied.report.read, copied.report.overlap) == (8, 4)


def test_the_split_follows_content_and_seed(tmp_path: Path) -> None:
    records = [pair(number) for number in range(200)]
    first = one_task(tmp_path / "a", records)[0]
    shuffled = one_task(tmp_path / "b", records[::-1])[0]
    other = one_task(tmp_path / "c", records, split_seed=1)[0]
    assert set(texts(first.valid)) == set(texts(shuffled.valid))
    assert set(texts(first.valid)) != set(texts(other.valid))


def test_caps_are_counted(tmp_path: Path) -> None:
    records = [pair(number) for number in range(100)]
    (task,) = one_task(tmp_path, records, valid_fraction=0.2, max_samples=30, max_valid_samples=5)
    assert (len(task.train), len(task.valid), task.report.left_out) == (30, 5, 65)
    (again,) = one_task(tmp_path, records, valid_fraction=0.2, max_samples=30, max_valid_samples=5)
    assert texts(task.train) == texts(again.train)


def test_overlong_records_are_dropped_or_cut_and_counted(tmp_path: Path) -> None:
    long_answer, long_question = pair(7, 200), {"prompt": "why " * 200, "response": "so"}
    records = [pair(number) for number in range(6)] + [long_answer, long_question]
    (dropped,) = one_task(tmp_path, records, max_length=60)
    assert (dropped.report.overlong, dropped.report.truncated, dropped.report.bad) == (2, 0, {})
    assert dropped.report.train + dropped.report.valid == 6
    assert f"{tmp_path}/t/train.jsonl:7 over-long" in dropped.report.examples[0]
    (cut,) = one_task(tmp_path, records, max_length=60, overlong="truncate")
    assert (cut.report.overlong, cut.report.truncated) == (1, 1)
    assert cut.report.train + cut.report.valid == 7
    assert max(cut.train.lengths.max(), cut.valid.lengths.max()) == 60
    assert min(cut.train.supervised_counts.min(), cut.valid.supervised_counts.min()) > 0


def chained(parts: list[Sample]) -> list[int]:
    """The text that parts are of: each begins with the last token of the one before it."""
    assert all(left.ids[-1] == right.ids[0] for left, right in itertools.pairwise(parts))
    return [int(parts[0].ids[0]), *(int(token) for part in parts for token in part.ids[1:])]


@pytest.mark.parametrize("words", [20, 21, 22, 39, 40, 41, 150])
def test_a_long_text_is_split_and_each_of_its_tokens_is_a_target_once(tmp_path: Path, words: int) -> None:
    text = {"text": " ".join(str(number % 10) for number in range(words))}
    (whole,) = one_task(tmp_path / "whole", [text], max_length=1000)
    (task,) = one_task(tmp_path / "split", [text], max_length=20, overlong="split")
    original = whole.train.sample(0)
    parts = [task.train.sample(number) for number in range(len(task.train))]
    assert chained(parts) == original.ids.tolist()
    assert all(part.supervised.tolist() == [False] + [True] * (len(part.ids) - 1) for part in parts)
    assert all(len(part.ids) == 20 for part in parts[:-1])
    assert 2 <= len(parts[-1].ids) <= 20
    assert task.report.supervised == whole.report.supervised == len(original.ids) - 1
    assert task.train.supervised_counts.tolist() == [int(part.supervised.sum()) for part in parts]
    was_split = len(original.ids) > 20
    assert (task.report.split, task.report.parts) == ((1, len(parts)) if was_split else (0, 0))
    assert task.train.records == 1


def test_splitting_is_counted_and_conversations_are_dropped(tmp_path: Path) -> None:
    texts_ = [{"text": f"{number} " * (3 + 60 * (number % 3))} for number in range(30)]
    (task,) = one_task(tmp_path, [*texts_, texts_[2], pair(1), pair(2, 90)], max_length=50, overlong="split")
    report = task.report
    assert (report.overlong, report.truncated, report.bad) == (1, 0, {})
    assert report.split > 10
    assert report.read - report.split + report.parts == report.train + report.valid + report.overlong
    assert report.duplicates == (report.train + report.valid > 0) * 1
    assert report.overlap == 0
    sides = [{store.origin(number) for number in range(len(store))} for store in (task.train, task.valid)]
    assert not sides[0] & sides[1], "parts of one text train and validate"
    assert "over-long" in report.examples[0]


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
    assert sum(array.nbytes for array in arrays) <= 2 * len(entry.ids) + 49 * len(entry)


BAD_LINES = [
    ("{broken", "bad JSON"),
    ("[1, 2]", "not an object"),
    ("[" * 100_000, "bad JSON"),
    ('{"prompt": "q", "response": "\\ud800"}', "broken unicode"),
    ('{"prompt": "q", "response": ""}', "empty response"),
    ('{"messages": [{"role": "assistant", "content": "a"}]}', "wrong order of roles"),
]


def test_bad_lines_are_counted_shown_and_quarantined(tmp_path: Path) -> None:
    lines = [line for line, _ in BAD_LINES]
    tasks = one_task(tmp_path, [*[pair(number) for number in range(20)], *lines], max_bad=0.5)
    report = tasks[0].report
    assert report.bad == {
        "bad JSON": 2, "broken unicode": 1, "empty response": 1, "not an object": 1, "wrong order of roles": 1,
    }  # fmt: skip
    assert report.read == report.train + report.valid + report.bad_records == 26
    assert len(report.examples) == 5
    assert report.examples[1].startswith(f"{tmp_path}/t/train.jsonl:22 not an object: ")
    assert write_quarantine(tasks, tmp_path / "quarantine.jsonl") == 6
    kept = [json.loads(line) for line in (tmp_path / "quarantine.jsonl").read_text().splitlines()]
    assert [(line["line"], line["reason"], line["record"]) for line in kept] == [
        (number, reason, line) for number, (line, reason) in enumerate(BAD_LINES, 21)
    ]
    assert {(line["task"], line["file"]) for line in kept} == {("t", str(tmp_path / "t" / "train.jsonl"))}
    assert json.loads(json.dumps(report.as_json()))["bad"] == report.bad


def test_a_byte_that_is_not_utf8_is_one_bad_line(tmp_path: Path) -> None:
    path = task_file(tmp_path / "t.jsonl", [pair(number) for number in range(30)])
    path.write_bytes(path.read_bytes() + b'{"prompt": "q", "response": "\xff"}\n')
    (task,) = prepare([TaskFiles("t", (path,))], tmp_path / "cache")
    assert task.report.bad == {"not UTF-8": 1}


def test_nothing_refused_leaves_no_quarantine(tmp_path: Path) -> None:
    tasks = one_task(tmp_path, [pair(0)])
    assert write_quarantine(tasks, tmp_path / "quarantine.jsonl") == 0
    assert not (tmp_path / "quarantine.jsonl").exists()


def test_too_many_bad_records_stop_the_run_and_are_kept(tmp_path: Path) -> None:
    records = [pair(number) for number in range(94)] + ["{"] * 6
    with pytest.raises(MftError, match=r"'t': 6 of 100 records are bad \(6 bad JSON\)") as caught:
        one_task(tmp_path, records)
    assert f"{tmp_path}/t/train.jsonl:95 bad JSON" in caught.value.message
    assert "max_bad" in caught.value.hint
    assert len((tmp_path / "cache" / "quarantine.jsonl").read_text().splitlines()) == 6
    (task,) = one_task(tmp_path, [pair(95), *records[:-1]])  # 5 of 100 is not more than 5%
    assert task.report.bad_records == 5


def test_a_set_without_usable_records_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MftError, match="no task"):
        prepare([], tmp_path / "cache")
    with pytest.raises(MftError, match=r"'t' has no usable training record: 0 read \(empty\)"):
        one_task(tmp_path / "empty", [])
    with pytest.raises(MftError, match="3 over-long"):
        one_task(tmp_path / "long", [pair(number, 90) for number in range(3)], max_length=20)
    with pytest.raises(MftError, match="no training file"):
        prepare([TaskFiles("t", ())], tmp_path / "cache")
    with pytest.raises(MftError, match="absent"):
        prepare([TaskFiles("t", (tmp_path / "absent.jsonl",))], tmp_path / "cache")


def test_a_second_start_tokenises_nothing(tmp_path: Path) -> None:
    records = [pair(number) for number in range(40)]
    Counting.calls = 0
    first = one_task(tmp_path, records, kind=Counting)
    assert Counting.calls == 40
    second = one_task(tmp_path, records, kind=Counting, split_seed=5, valid_fraction=0.5, max_samples=7, max_bad=0.5)
    assert Counting.calls == 40
    assert (len(first[0].train), len(second[0].train)) == (38, 7)
    one_task(tmp_path, [*records, pair(41)], kind=Counting)
    assert Counting.calls == 81
    one_task(tmp_path, records, kind=Counting, max_length=1000)
    assert Counting.calls == 121


def test_equal_files_share_an_entry_under_their_own_names(tmp_path: Path) -> None:
    records = [*[pair(number) for number in range(30)], "{"]
    paths = [task_file(tmp_path / name, records) for name in ("one.jsonl", "two.jsonl.gz")]
    Counting.calls = 0
    tasks = prepare([TaskFiles(path.name[:3], (path,)) for path in paths], tmp_path / "cache", kind=Counting)
    assert Counting.calls == 30
    for task, path in zip(tasks, paths, strict=True):
        assert task.report.examples[0].startswith(f"{path}:31 bad JSON")
        assert task.train.origin(0).startswith(f"{path}:")


def test_the_key_covers_tokenizer_and_template(tmp_path: Path) -> None:
    path = task_file(tmp_path / "t.jsonl", [pair(number) for number in range(4)])
    folders = {
        prepare([TaskFiles("t", (path,))], tmp_path / "cache", kind=kind)[0].train.entry.folder
        for kind in (MftCoder, Counting, ChatMl)
    }
    assert len(folders) == 3
    tokenizer, tokenization = small_tokenizer("byte-prefix"), MftCoder()
    tokenization.bind(tokenizer)
    tasks = prepare_tasks(
        [TaskFiles("t", (path,))], tokenization, tokenizer, DataSection(), tmp_path / "cache", processes=1
    )
    assert tasks[0].train.entry.folder not in folders
    plain, other = small_tokenizer(), small_tokenizer("byte-prefix")
    assert tokenizer_fingerprint(plain) != tokenizer_fingerprint(other)
    before = tokenizer_fingerprint(plain)
    plain(["a", "b c d"], padding=False, truncation=True, max_length=2)
    assert tokenizer_fingerprint(plain) == before
    tokenization = MftCoder()
    tokenization.bind(plain)
    laid_out = template_fingerprint(tokenization, plain)
    plain.chat_template = "x"
    assert tokenizer_fingerprint(plain) == before
    assert template_fingerprint(tokenization, plain) != laid_out


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


def test_two_processes_make_one_entry(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    file = task_file(tmp_path / "t" / "train.jsonl", [pair(number) for number in range(300)])
    racers = [context.Process(target=_prepare_in_process, args=(file, tmp_path / "cache", barrier)) for _ in range(2)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(120)
    assert [racer.exitcode for racer in racers] == [0, 0]
    (entry,) = (tmp_path / "cache").iterdir()
    assert open_entry(entry) is not None


def test_the_entry_that_came_first_stays(tmp_path: Path) -> None:
    target, none = tmp_path / "entry", np.zeros(0, np.int64)
    columns = dict.fromkeys(("lengths", "supervised_counts", "digests", "files", "lines"), none)
    writers = [EntryWriter(target, np.dtype(np.uint16)) for _ in range(2)]
    for number, writer in enumerate(writers):
        with writer:
            writer.add(none, none, columns, [])
            writer.finish({"read": number})
    entry = open_entry(target)
    assert entry is not None
    assert (entry.counts, len(entry)) == ({"read": 0}, 0)
    assert list(tmp_path.iterdir()) == [target]


def test_any_number_of_processes_gives_the_same(tmp_path: Path) -> None:
    records = [pair(number, number % 50) if number % 50 else "{" for number in range(4000)]
    path = task_file(tmp_path / "t.jsonl", records)
    assert path.stat().st_size > 4 * CHUNK_BYTES
    progress: list[tuple[str, int, int]] = []
    tokenizer, tokenization = small_tokenizer(), MftCoder()
    tokenization.bind(tokenizer)
    entries = []
    for processes in (1, 2):
        cache = tmp_path / f"cache{processes}"
        (task,) = prepare_tasks(
            [TaskFiles("t", (path,))],
            tokenization,
            tokenizer,
            DataSection(),
            cache,
            lambda *told: progress.append(told),
            processes,
        )
        entries.append({file.name: file.read_bytes() for file in task.train.entry.folder.iterdir()})
    assert entries[0] == entries[1]
    assert task.report.read == 4000
    assert [done for _, done, _ in progress[: len(progress) // 2]] == sorted({done for _, done, _ in progress})
    assert progress[-1][0] == "t"
    assert progress[-1][1] <= progress[-1][2] == path.stat().st_size


def within(seconds: float, work: object) -> BaseException | None:
    """What `work` raises; fails where it hangs."""
    caught: list[BaseException | None] = []

    def run() -> None:
        try:
            work()  # type: ignore[operator]
            caught.append(None)
        except BaseException as error:  # noqa: BLE001
            caught.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert caught, "it hangs"
    return caught[0]


def test_a_killed_worker_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    path = task_file(tmp_path / "t.jsonl", [pair(number) for number in range(50)])
    error = within(120, lambda: prepare([TaskFiles("t", (path,))], tmp_path / "cache", Suicidal, processes=2))
    assert isinstance(error, MftError)
    assert "died" in error.message
    assert list((tmp_path / "cache").iterdir()) == []


UNGUARDED = """
from pathlib import Path

from mft_core.records import TaskFiles
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_core.data.tokenising import prepare_tasks
from mft_core.recipe.schema import DataSection
from mft_tokenization.tokenizations import MftCoder

tokenizer, tokenization = small_tokenizer(), MftCoder()
tokenization.bind(tokenizer)
task = TaskFiles("t", (Path("t.jsonl"),))
prepare_tasks([task], tokenization, tokenizer, DataSection(), Path("cache"), lambda *_: None, 2)
"""


def test_a_script_that_no_process_can_be_started_from_is_told_why(tmp_path: Path) -> None:
    task_file(tmp_path / "t.jsonl", [pair(number) for number in range(50)])
    (tmp_path / "script.py").write_text(UNGUARDED, encoding="utf-8")
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert 'under `if __name__ == "__main__":`' in done.stderr


def test_a_fault_of_a_tokenization_names_the_record(tmp_path: Path) -> None:
    path = task_file(tmp_path / "t.jsonl", [pair(0)])
    with pytest.raises(MftError, match=r"t\.jsonl:1: .*Faulty.*oops"):
        prepare([TaskFiles("t", (path,))], tmp_path / "cache", kind=Faulty)


def test_a_tokenization_no_fresh_process_can_build_runs_here(tmp_path: Path) -> None:
    class Local(Counting):
        """Cannot be pickled."""

    path = task_file(tmp_path / "t.jsonl", [pair(number) for number in range(20)])
    Local.calls = 0
    (task,) = prepare([TaskFiles("t", (path,))], tmp_path / "cache", kind=Local, processes=2)
    assert (Local.calls, len(task.train)) == (20, 19)


def _prepare_with_little_space(path: Path, folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))  # writing more fails, as on a full disk
    with pytest.raises(MftError, match="cannot be written"):
        prepare([TaskFiles("t", (path,))], folder / "cache")


def test_a_full_disk_is_said_and_cleaned_up(tmp_path: Path) -> None:
    records = [pair(number, 50) for number in range(400)]
    path = task_file(tmp_path / "t.jsonl", records)
    process = multiprocessing.get_context("spawn").Process(target=_prepare_with_little_space, args=(path, tmp_path))
    process.start()
    process.join(120)
    assert process.exitcode == 0
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(MftError, match="cannot be written") as caught:
        one_task(tmp_path, [pair(0)])
    assert "MFT_CACHE" in caught.value.hint
