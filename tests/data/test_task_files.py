from __future__ import annotations

from pathlib import Path

import pytest

from helpers.readers import READERS
from helpers.running import make_files
from mft_core.data.task_files import ExplicitTask, check_names, explicit_tasks, folder_task, is_held_out
from mft_core.data.tasks import validate_task_name
from mft_core.errors import MftError, UsageError
from mft_core.records import TaskFiles


def names(paths: tuple[Path, ...]) -> list[str]:
    return [path.name for path in paths]


WORDS = ["हिन्दी", "தமிழ்", "ภาษาไทย", "বাংলা", "မြန်မာ", "עברית", "نَصّ", "می\u200cزنم", "ශ්\u200dරී", "한국어", "日本語"]
"""Words whose vowels are marks, and words with joiners."""


@pytest.mark.parametrize("name", ["a", "code_repair", "text2code-v1.1", "代码", "é", "e\u0301", "x" * 100, *WORDS])
def test_task_names(name: str) -> None:
    assert validate_task_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "../a", "a\\b", "a b", "a\n", "a\0", "~", "x" * 101])
def test_path_tricks_are_no_task_names(name: str) -> None:
    with pytest.raises(UsageError):
        validate_task_name(name)


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("\u0301e", "'\u0301'"),
        ("a\u200bb", r"'\u200b'"),
        ("a\u200db", r"'\u200d'"),
        ("\u200ca", r"'\u200c'"),
        ("a\u200d", r"'\u200d'"),
        ("a\u202eb", r"'\u202e'"),
        ("\N{ROCKET}fast", "'\N{ROCKET}'"),
        ("a\udcff", r"'\udcff'"),
    ],
)
def test_the_character_that_is_in_no_word_is_named(name: str, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        validate_task_name(name)
    assert f"it holds {named}" in caught.value.message


def test_a_name_fits_into_that_of_a_folder() -> None:
    assert validate_task_name("代" * 85)
    with pytest.raises(UsageError, match="255 bytes"):
        validate_task_name("代" * 86)


@pytest.mark.parametrize(
    ("held_out", "stem"),
    [
        (True, name)
        for name in ("valid", "validation", "dev", "dev-1", "val", "eval", "test", "test_2", "Valid.small", "test1")
    ]
    + [
        (False, name)
        for name in (
            "train",
            "unit_test",
            "device",
            "values",
            "part-1",
            "testing_tools",
            "evaluate_code",
            "validate",
            "latest",
        )
    ],
)
def test_held_out_names(held_out: bool, stem: str) -> None:
    assert is_held_out(Path(f"{stem}.jsonl")) is held_out
    assert is_held_out(Path(f"{stem}.jsonl.gz")) is held_out


@pytest.mark.parametrize(
    ("files", "train", "valid"),
    [
        (["train.jsonl", "valid.jsonl", "extra.jsonl"], ["train.jsonl"], ["valid.jsonl"]),
        (["train.jsonl.gz", "notes.txt"], ["train.jsonl.gz"], []),
        (["train-00001.jsonl", "train-00002.jsonl"], ["train-00001.jsonl", "train-00002.jsonl"], []),
        (["b.jsonl", "a.jsonl", "dev.jsonl", "test.jsonl", ".c.jsonl"], ["a.jsonl", "b.jsonl"], ["dev.jsonl"]),
        (["train.jsonl", "validation.jsonl", "dev.jsonl"], ["train.jsonl"], ["validation.jsonl"]),
        (["train.jsonl", "train2.jsonl", "VALID.NDJSON"], ["train.jsonl", "train2.jsonl"], ["VALID.NDJSON"]),
        (["TRAIN.JSONL.GZ", "evaluation.ndjson.gz"], ["TRAIN.JSONL.GZ"], ["evaluation.ndjson.gz"]),
        (["sql_train.jsonl", "sql_valid.jsonl", "sql_test.jsonl"], ["sql_train.jsonl"], ["sql_valid.jsonl"]),
        (["unit_test.jsonl", "testing_tools.jsonl"], ["testing_tools.jsonl", "unit_test.jsonl"], []),
    ],
)
def test_the_files_of_a_folder(tmp_path: Path, files: list[str], train: list[str], valid: list[str]) -> None:
    task = folder_task("t", make_files(tmp_path, *files), READERS)
    assert task is not None
    assert (names(task.train), names(task.valid)) == (train, valid)


def test_a_folder_without_training_data(tmp_path: Path) -> None:
    assert folder_task("t", make_files(tmp_path / "a", "notes.dat", "README.txt"), READERS) is None
    with pytest.raises(MftError, match="no training data"):
        folder_task("t", make_files(tmp_path / "b", "valid.jsonl"), READERS)


def test_json_counts_where_it_holds_records(tmp_path: Path) -> None:
    record = '{"prompt": "q", "response": "a"}'
    contents = {"train.json": f"\n{record}\n{record}\n", "valid.json": record, "train2.json": f"[{record}]"}
    for name, content in {**contents, "infos.json": '{"a": {"b": 1}}', "broken.json": "{"}.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    task = folder_task("t", tmp_path, READERS)
    assert task is not None
    assert (names(task.train), names(task.valid)) == (["train.json", "train2.json"], ["valid.json"])


@pytest.mark.parametrize("other", ["train.jsonl.gz", "train.ndjson"])
def test_the_same_file_twice_is_refused(tmp_path: Path, other: str) -> None:
    with pytest.raises(MftError, match="side by side"):
        folder_task("t", make_files(tmp_path, "train.jsonl", other), READERS)


def test_explicit_tasks(tmp_path: Path) -> None:
    make_files(
        tmp_path, "a/x.jsonl", "a/valid.jsonl", "a/y.jsonl", "b/train.jsonl", "b/valid.jsonl", "c.jsonl", "test.jsonl"
    )
    tasks = explicit_tasks(
        [
            ExplicitTask("glob", "a/*.jsonl"),
            ExplicitTask("split", "a/*.jsonl", "a/y.jsonl", 2.0),
            ExplicitTask("folder", "b"),
            ExplicitTask("other", "b", "c.jsonl", 1.0),
            ExplicitTask("file", str(tmp_path / "c.jsonl"), weight=0.5),
            ExplicitTask("named", "test.jsonl"),
        ],
        tmp_path,
        READERS,
    )
    assert [(task.name, names(task.train), names(task.valid), task.weight) for task in tasks] == [
        ("glob", ["x.jsonl", "y.jsonl"], [], 1.0),
        ("split", ["x.jsonl"], ["y.jsonl"], 2.0),
        ("folder", ["train.jsonl"], ["valid.jsonl"], 1.0),
        ("other", ["train.jsonl"], ["c.jsonl"], 1.0),
        ("file", ["c.jsonl"], [], 0.5),
        ("named", ["test.jsonl"], [], 1.0),
    ]
    assert all(isinstance(task, TaskFiles) for task in tasks)


@pytest.mark.parametrize("pattern", ["nothing.jsonl", "none/*.jsonl", "empty"])
def test_what_is_not_found_is_named(tmp_path: Path, pattern: str) -> None:
    make_files(tmp_path, "train.jsonl")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MftError, match="'t'") as caught:
        explicit_tasks([ExplicitTask("t", pattern)], tmp_path, READERS)
    assert pattern in caught.value.message
    with pytest.raises(MftError, match="validation"):
        explicit_tasks([ExplicitTask("t", "train.jsonl", pattern)], tmp_path, READERS)


def test_bad_and_repeated_names(tmp_path: Path) -> None:
    make_files(tmp_path, "a.jsonl")
    with pytest.raises(UsageError, match=r"'\.\./a'"):
        check_names(explicit_tasks([ExplicitTask("../a", "a.jsonl")], tmp_path, READERS))
    with pytest.raises(UsageError, match="Two tasks"):
        check_names(explicit_tasks([ExplicitTask("a", "a.jsonl"), ExplicitTask("a", "a.jsonl")], tmp_path, READERS))


def test_two_names_in_two_forms_are_one(tmp_path: Path) -> None:
    make_files(tmp_path, "caf\u00e9/train.jsonl", "cafe\u0301/train.jsonl")
    tasks = [task for name in ("caf\u00e9", "cafe\u0301") if (task := folder_task(name, tmp_path / name, READERS))]
    assert [task.name for task in tasks] == ["caf\u00e9"] * 2
    assert [task.train[0].parent.name for task in tasks] == ["caf\u00e9", "cafe\u0301"]
    with pytest.raises(UsageError, match="differ only in Unicode's form") as caught:
        check_names(tasks)
    assert r"caf\xe9/train.jsonl'" in caught.value.message
    assert r"cafe\u0301/train.jsonl'" in caught.value.message


def test_files_named_in_another_form_than_they_have(tmp_path: Path) -> None:
    make_files(tmp_path, "cafe\u0301/train.jsonl", "cafe\u0301/données_valid.jsonl", "été/x.jsonl")
    tasks = explicit_tasks(
        [
            ExplicitTask("folder", "caf\u00e9"),
            ExplicitTask("file", "caf\u00e9/train.jsonl", "caf\u00e9/donne\u0301es_valid.jsonl", 1.0),
            ExplicitTask("glob", "caf\u00e9/t*.jsonl"),
        ],
        tmp_path,
        READERS,
    )
    assert {task.train for task in tasks} == {(tmp_path / "cafe\u0301/train.jsonl",)}
    assert tasks[1].valid == (tmp_path / "cafe\u0301/données_valid.jsonl",)


def test_training_on_the_validation_file_is_refused(tmp_path: Path) -> None:
    make_files(tmp_path, "a.jsonl")
    with pytest.raises(MftError, match="also a validation file"):
        explicit_tasks([ExplicitTask("a", "a.jsonl", "a.jsonl")], tmp_path, READERS)


def test_a_glob_below_a_folder_with_brackets_in_its_name(tmp_path: Path) -> None:
    folder = make_files(tmp_path / "[v1] data*", "a/x.jsonl", "b/y.jsonl", "a/valid.jsonl")
    (task,) = explicit_tasks([ExplicitTask("t", "**/*.jsonl")], folder, READERS)
    assert task.train == (folder / "a/x.jsonl", folder / "b/y.jsonl")
    (whole,) = explicit_tasks([ExplicitTask("t", str(folder / "[ab]/y.jsonl"))], Path(), READERS)
    assert whole.train == (folder / "b/y.jsonl",)
