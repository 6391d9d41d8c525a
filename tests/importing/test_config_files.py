from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.errors import UsageError
from mft_core.importing.config_files import read_config
from mft_core.importing.shell_scripts import arguments

SCRIPT = """#!/bin/bash
# swift sft --model commented-out
NPROC=2 swift sft \\
    --model org/model \\
    --dataset 'a#5' b \\
    --learning-rate=1e-4 --packing --steps 10 \\
    --quiet false
echo --done
"""


def test_the_arguments_of_a_command() -> None:
    assert arguments(SCRIPT) == {
        "model": "org/model", "dataset": ["a#5", "b"], "learning_rate": 1e-4, "packing": True, "steps": 10,
        "quiet": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.yaml", "rate: 1e-4\nname: x\nnothing:\n"),
        ("a.json", '{"rate": 1e-4, "name": "x", "nothing": null}'),
        ("a.yml", "\ufeffrate: 0.0001\nname: 'x'\nnothing: null\n"),
    ],
)
def test_every_kind_of_file_gives_the_same(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert read_config(tmp_path / name) == {"rate": 1e-4, "name": "x", "nothing": None}


@pytest.mark.parametrize(
    ("name", "content"), [("a.yaml", "- a\n- b\n"), ("a.yaml", "a: ["), ("a.json", "[]"), ("a.sh", "ls")]
)
def test_what_holds_no_keys_is_named(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=str(tmp_path / name)):
        read_config(tmp_path / name)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.yaml"):
        read_config(tmp_path / "absent.yaml")


def test_no_object_of_a_yaml_file_is_made(tmp_path: Path) -> None:
    (tmp_path / "evil.yaml").write_text("a: !!python/object/apply:os.system ['touch made']\n", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be parsed"):
        read_config(tmp_path / "evil.yaml")
