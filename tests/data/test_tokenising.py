"""Files to tasks of tokens: every record in exactly one place, nothing tokenised twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.token_data import Counting, answers, one_task, pair, prepare, task_file, texts
from mft_core.data.tokenising import prepare_tasks, template_fingerprint, tokenizer_fingerprint
from mft_core.errors import MftError
from mft_core.recipe.schema import DataSection
from mft_core.records import TaskFiles
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_tokenization.tokenizations import ChatMl, MftCoder


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


def test_a_set_without_usable_records_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MftError, match="no task"):
        prepare([], tmp_path / "cache")
    with pytest.raises(MftError, match=r"'t' has no usable training record: 0 in \S+ \(empty\)"):
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
