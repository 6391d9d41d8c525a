"""What other tools say of single data sets, or of all conversations, that has a key here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tomllib

from mft_core.importing.writing import imported_recipe
from mft_core.recipe.schema import Recipe
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace


def imported(folder: Path, config: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The recipe's values and its text, made of a configuration in JSON."""
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    text = imported_recipe(folder / "config.json", discover(Workspace()).catalog)
    values = tomllib.loads(text)
    Recipe.model_validate(values)
    return values, text


LLAMA_FACTORY = {
    "stage": "sft", "finetuning_type": "lora", "dataset": "a,b", "template": "llama3", "default_system": "Be brief.",
    "mix_strategy": "interleave_over", "interleave_probs": "0.75,0.25",
}  # fmt: skip


def llama_factory(folder: Path, **changes: Any) -> tuple[dict[str, Any], str]:
    (folder / "data").mkdir(exist_ok=True)
    described = {"a": {"file_name": "a.json", "num_samples": 500}, "b": {"file_name": "b.json"}}
    (folder / "data/dataset_info.json").write_text(json.dumps(described), encoding="utf-8")
    return imported(folder, {**LLAMA_FACTORY, **changes})


def test_llama_factory(tmp_path: Path) -> None:
    values, text = llama_factory(tmp_path)
    a, b = values["data"]["tasks"]
    assert (a["max_samples"], a["weight"], b["weight"]) == (500, 0.75, 0.25)
    assert "max_samples" not in b
    assert values["data"]["system"] == "Be brief."
    assert values.get("loss", {"name": "balanced"})["name"] == "balanced", "weights are shares there"
    assert "#   mix_strategy: " in text
    assert "#   interleave_probs: " not in text
    assert "num_samples" not in text


def test_names_of_roles_and_columns_that_are_not_read_are_listed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    tags = {"role_tag": "role", "user_tag": "User", "assistant_tag": "helper", "function_tag": "tool"}
    described = {"a": {"file_name": "a.json", "tags": tags, "columns": {"messages": "messages", "rejected": "bad"}}}
    (tmp_path / "data/dataset_info.json").write_text(json.dumps(described), encoding="utf-8")
    _, text = imported(tmp_path, {**LLAMA_FACTORY, "dataset": "a"})
    assert "assistant_tag = 'helper'" in text
    assert "function_tag = 'tool'" in text, "a result there is no call here"
    assert "columns.rejected = 'bad'" in text
    assert "user_tag" not in text
    assert "role_tag" not in text


def test_shares_that_do_not_fit_are_listed(tmp_path: Path) -> None:
    for changes in ({"interleave_probs": "0.5,0.3,0.2"}, {"interleave_probs": "1,0"}, {"mix_strategy": "concat"}):
        values, text = llama_factory(tmp_path, **changes)
        assert all("weight" not in task for task in values["data"]["tasks"])
        assert "#   interleave_probs: " in text


def test_axolotl(tmp_path: Path) -> None:
    own = {"system_prompt": "Own.", "field_instruction": "q", "field_output": "a"}
    config = {
        "base_model": "org/model", "sequence_len": 512, "adapter": "lora", "default_system_message": "Be brief.",
        "datasets": [{"path": "org/a", "type": own}, {"path": "org/b", "type": "chat_template"},
                     {"path": "org/c", "type": "chat_template", "chat_template": "alpaca"},
                     {"path": "org/d", "type": "chat_template", "chat_template": "tokenizer_default"},
                     {"path": "org/e", "type": "chat_template", "chat_template": "gemma"}],
    }  # fmt: skip
    values, text = imported(tmp_path, config)
    assert [task.get("system") for task in values["data"]["tasks"]] == ["Own.", *[None] * 4]
    assert [task.get("tokenization") for task in values["data"]["tasks"]] == [None, None, "alpaca", None, None]
    assert text.count("chat_template = ") == 1
    assert "e: chat_template = 'gemma' is not carried over." in text
    assert values["data"]["system"] == "Be brief."


def test_ms_swift(tmp_path: Path) -> None:
    config = {
        "train_type": "lora", "model": "org/model", "dataset": ["org/a#500", "org/b"], "system": "Be brief.",
        "interleave_prob": [0.6, 0.4],
    }  # fmt: skip
    values, _ = imported(tmp_path, config)
    a, b = values["data"]["tasks"]
    assert (a["max_samples"], a["weight"], b["weight"]) == (500, 0.6, 0.4)
    assert values["data"]["system"] == "Be brief."


def test_what_is_evaluated_and_not_trained_on_is_watched(tmp_path: Path) -> None:
    values, _ = llama_factory(tmp_path, eval_dataset="b")
    assert [(task["name"], task.get("role")) for task in values["data"]["tasks"]] == [
        ("a", None), ("b", None), ("b-2", "watch"),
    ]  # fmt: skip
    assert [task.get("weight") for task in values["data"]["tasks"]] == [0.75, 0.25, None]
    swift = {"train_type": "lora", "model": "org/model", "dataset": "org/a", "val_dataset": "org/b#500"}
    values, _ = imported(tmp_path, swift)
    described = {"name": "b", "train": "hf:org/b:train", "max_samples": 500, "role": "watch"}
    assert values["data"]["tasks"][1] == described
    axolotl = {
        "base_model": "org/model", "sequence_len": 512, "datasets": [{"path": "org/a", "type": "chat_template"}],
        "test_datasets": [{"path": "org/a", "split": "test", "type": "chat_template"}],
    }  # fmt: skip
    values, _ = imported(tmp_path, axolotl)
    assert values["data"]["tasks"][1] == {"name": "a-2", "train": "hf:org/a:test", "role": "watch"}
