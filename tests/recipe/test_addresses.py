"""Which texts are addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.readers import READERS
from helpers.token_data import pair, task_file
from mft_core.data.source import Fetched
from mft_core.data.task_files import ExplicitTask, explicit_tasks
from mft_core.errors import MftError
from mft_core.recipe.addresses import Address, address_of
from mft_core.recipe.paths import located, with_absolute_paths
from mft_core.records import ReaderChoice


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("hf:org/name", Address("hf", "org/name")),
        ("my-source:a:b", Address("my-source", "a:b")),
        ("data/a.jsonl", None),
        ("/data/hf:x", None),
        ("C:\\data", None),
        ("c:/data", None),
        ("https://host/x", None),
        ("hf:", None),
        ("", None),
    ],
)
def test_what_has_the_form_of_an_address(text: str, address: Address | None) -> None:
    assert address_of(text) == address


def test_addresses_in_a_recipe_stay_but_files_that_look_like_them_are_files(tmp_path: Path) -> None:
    (tmp_path / "odd:name.jsonl").write_text("{}", encoding="utf-8")
    tasks = [{"name": "a", "train": "hf:org/a"}, {"name": "b", "train": "odd:name.jsonl"}, {"name": "c", "train": "c"}]
    placed = with_absolute_paths(located({"data": {"tasks": tasks}}, tmp_path), None)
    expected = ["hf:org/a", str(tmp_path / "odd:name.jsonl"), str(tmp_path / "c")]
    assert [task["train"] for task in placed["data"]["tasks"]] == expected


def test_a_task_takes_what_its_addresses_stand_for(tmp_path: Path) -> None:
    one, two = (task_file(tmp_path / f"{name}.jsonl", [pair(0)]) for name in ("one", "two"))
    reader = ReaderChoice("jsonl")

    def fetch(address: Address) -> Fetched | None:
        return Fetched((one,), (two,), f"{address.rest}@1", reader) if address.source == "made" else None

    (task,) = explicit_tasks([ExplicitTask("t", "made:x")], tmp_path, READERS, fetch)
    assert (task.train, task.valid, task.reader, task.addresses) == ((one,), (two,), reader, ("made:x@1", ""))
    (task,) = explicit_tasks([ExplicitTask("t", str(two), "made:y")], tmp_path, READERS, fetch)
    assert (task.train, task.valid, task.addresses) == ((two,), (one,), ("", "made:y@1"))
    with pytest.raises(MftError, match=r"no training file at .*other:x"):
        explicit_tasks([ExplicitTask("t", "other:x")], tmp_path, READERS, fetch)
