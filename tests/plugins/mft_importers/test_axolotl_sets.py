"""Data sets of axolotl's whose columns have usual names in other places, and what of them a recipe cannot say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tomllib

from mft_core.importing.writing import imported_recipe
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace

TRAINING = {"base_model": "b", "micro_batch_size": 1, "num_epochs": 1, "learning_rate": 1e-4, "sequence_len": 64}


def imported(folder: Path, **described: Any) -> str:
    (folder / "d.jsonl").write_text("{}\n", encoding="utf-8")
    config = {**TRAINING, "datasets": [{"path": str(folder / "d.jsonl"), **described}]}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return imported_recipe(folder / "config.json", discover(Workspace()).catalog, "axolotl")


@pytest.mark.parametrize(
    ("described", "columns"),
    [
        ({"type": "completion", "field": "output"}, {"text": "output"}),
        ({"type": {"field_instruction": "output", "field_output": "text"}}, {"prompt": "output", "response": "text"}),
        ({"type": {"field_instruction": "instruction", "field_output": "output"}}, None),
        ({"type": "completion", "field": "text"}, None),
        ({"type": "chat_template", "field_messages": "conversations"}, None),
    ],
)
def test_a_column_is_named_unless_it_is_usual_where_it_stands(
    tmp_path: Path, described: dict[str, Any], columns: dict[str, str] | None
) -> None:
    task = tomllib.loads(imported(tmp_path, **described))["data"]["tasks"][0]
    assert task.get("columns") == columns


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ({"type": {"format": "[INST] {instruction}"}}, "type.format = '[INST] {instruction}'"),
        ({"type": {"field_input": "i", "no_input_format": "{instruction}!"}}, "type.no_input_format"),
        ({"type": "alpaca", "split": "train[10:20]"}, "split = 'train[10:20]'"),
        ({"type": "alpaca", "data_files": ["a.jsonl", "b.jsonl"]}, "data_files = ['a.jsonl', 'b.jsonl']"),
    ],
)
def test_what_a_recipe_does_not_say_of_a_data_set_is_listed(
    tmp_path: Path, described: dict[str, Any], said: str
) -> None:
    assert f"d: {said}" in imported(tmp_path, **described)


def test_what_it_says_is_not_listed(tmp_path: Path) -> None:
    said = {"system_prompt": "s", "field_input": "i", "format": "{instruction}: {input}"}
    text = imported(tmp_path, type=said, split="train")
    assert "is not carried over." not in text
    assert tomllib.loads(text)["data"]["tasks"][0]["columns"]["prompt"] == "{instruction}: {i}"


def test_a_set_without_roles_to_train_is_not_taken_for_one_that_trains_answers(tmp_path: Path) -> None:
    assert "roles_to_train = []" in imported(tmp_path, type="chat_template", roles_to_train=[])
    assert "roles_to_train" not in imported(tmp_path, type="chat_template", roles_to_train=["assistant"])
