"""What is a run's folder, and what is somebody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.running import make_files
from mft_core.support.run_folders import files_of_run, is_run, others_files


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["recipe.toml", "metrics.jsonl"], True),
        (["recipe.toml", "components.json"], True),
        (["recipe.toml", ".lock"], True),
        (["recipe.toml"], False),
        (["recipe.toml", "train.jsonl"], False),
        (["recipe.toml", "prepared.json"], False),
        ([".lock"], False),
        (["metrics.jsonl"], False),
        ([], False),
    ],
)
def test_a_recipe_and_what_only_a_run_writes(tmp_path: Path, names: list[str], expected: bool) -> None:
    make_files(tmp_path, *names)
    assert is_run(tmp_path) == expected
    assert not is_run(tmp_path / "nosuch")


def test_files_of_a_run_are_told_from_those_beside_them(tmp_path: Path) -> None:
    make_files(tmp_path, "recipe.toml", "metrics.jsonl", "final/model.safetensors", "add/train.jsonl")
    assert files_of_run(tmp_path) == ["recipe.toml", "metrics.jsonl", "final"]


def test_others_files(tmp_path: Path) -> None:
    assert others_files(tmp_path) == others_files(tmp_path / "nosuch") == []
    make_files(tmp_path, ".lock", "metrics.jsonl", ".metrics.jsonl.host-0123456789abcdef.partial")
    assert others_files(tmp_path) == []
    make_files(tmp_path, "b.txt", "a/train.jsonl", ".hidden")
    assert others_files(tmp_path) == [".hidden", "a", "b.txt"]
    (tmp_path / ".lock").unlink()
    assert others_files(tmp_path) == [".hidden", "a", "b.txt", "metrics.jsonl"]
