"""Losses by channel, as other tools have them, are tasks here."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.importing.writing import imported_recipe
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import DataSection
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace

SWIFT = "model: Qwen/Qwen2.5-7B\ntrain_type: lora\ndataset: [a.jsonl#500]\n"
AXOLOTL = "base_model: org/base\nadapter: lora\nsequence_len: 512\ndatasets:\n"


def imported(folder: Path, content: str) -> tuple[DataSection, str]:
    (folder / "a.jsonl").touch()
    (folder / "config.yaml").write_text(content, encoding="utf-8")
    text = imported_recipe(folder / "config.yaml", discover(Workspace()).catalog)
    (folder / "recipe.toml").write_text(text, encoding="utf-8")
    return load_recipe(folder / "recipe.toml").data, text


@pytest.mark.parametrize(
    "more",
    ["enable_channel_loss: true", "loss_type: channel_loss\nchannels: [chat, code]", "enable_channel_loss: 'true'"],
)
def test_ms_swift(tmp_path: Path, more: str) -> None:
    data, text = imported(tmp_path, SWIFT + more)
    assert data.task_field == "channel"
    assert "a: max_samples holds for each of the tasks that 'channel' names." in text
    assert ("every value of 'channel' is a task" in text) == ("channels" in more)
    assert "nothing here is known" not in text


@pytest.mark.parametrize("more", ["enable_channel_loss: false", "channels: [chat]", "loss_type: focal"])
def test_ms_swift_without(tmp_path: Path, more: str) -> None:
    data, text = imported(tmp_path, SWIFT + more)
    assert data.task_field == ""
    assert more.startswith("enable") or more.partition(":")[0] in text


def test_axolotl_with_a_field_of_the_records(tmp_path: Path) -> None:
    more = "  - path: a.jsonl\nenable_channel_loss: true\nchannel_loss_field: kind\nchannel_loss_prefix: loss_\n"
    data, text = imported(tmp_path, AXOLOTL + more)
    assert (data.task_field, [task.name for task in data.tasks]) == ("kind", ["a"])
    assert "losses are always shown by task" in text


def test_axolotl_with_a_channel_for_each_data_set(tmp_path: Path) -> None:
    more = "  - {path: org/one, channel: math}\n  - {path: org/two, channel: code}\nenable_channel_loss: true\n"
    data, text = imported(tmp_path, AXOLOTL + more)
    assert (data.task_field, [task.name for task in data.tasks]) == ("", ["math", "code"])
    assert "not carried over" not in text


def test_axolotl_without(tmp_path: Path) -> None:
    data, text = imported(tmp_path, AXOLOTL + "  - {path: org/one, channel: math}\nchannel_loss_field: kind\n")
    assert (data.task_field, [task.name for task in data.tasks]) == ("", ["one"])
    assert "channel = 'math' is not carried over" in text
    assert "channel_loss_field" in text


def test_a_file_of_axolotl_is_a_task_without_its_suffix(tmp_path: Path) -> None:
    (tmp_path / "sql.v1.jsonl").touch()
    more = "  - {path: sql.v1.jsonl}\n  - {path: org/two.v1}\n"
    data, _ = imported(tmp_path, AXOLOTL + more)
    assert [task.name for task in data.tasks] == ["sql.v1", "two.v1"]
