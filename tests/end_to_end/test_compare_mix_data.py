"""The arm "mix" on data of every kind: prepared, or in one file that a field splits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.running import events, mft, settings, write_rows
from helpers.small_comparisons import MIX, MIX_SETTINGS, compared_in, results
from mft_core.comparison.arm import parse_arm
from mft_core.recipe.loading import load_recipe

pytestmark = pytest.mark.usefixtures("in_comparison")
ARMS = ("--arms", MIX, "--seeds", "1")


@pytest.fixture(scope="module")
def plain(comparison: Path) -> dict[str, bytes]:
    """Of the same tasks, each in a folder of its own."""
    return results(compared_in(comparison, *ARMS, *MIX_SETTINGS))


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_prepared_data_leads_to_the_same(plain: dict[str, bytes], tmp_path: Path) -> None:
    prepared, output = tmp_path / "prepared", tmp_path / "out"
    assert mft("prepare", "recipe.toml", *MIX_SETTINGS, "--output", str(prepared)) == 0
    assert mft("compare", str(prepared / "recipe.toml"), *ARMS, "--output", str(output)) == 0
    small = load_recipe(output / parse_arm(MIX).folder / "small-3" / "seed-0" / "recipe.toml")
    assert small.data.prepared == str(prepared)
    assert {task.repeat for task in small.data.tasks} != {1.0}
    assert results(output) == plain


def test_tasks_of_one_file_lead_to_the_same(plain: dict[str, bytes], tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert mft("compare", str(one_file(tmp_path, "all")), *ARMS, *MIX_SETTINGS, "--output", str(output)) == 0
    arm = output / parse_arm(MIX).folder
    assert events(arm / "small-3" / "seed-0", "start")[0]["tasks"].keys() == {"add", "reverse"}
    assert results(output) == plain


@pytest.mark.parametrize("field", ["", "channel"])
def test_a_task_called_as_the_files_it_shares_is_refused(tmp_path: Path, capsys, field: str) -> None:
    more = settings(f'data.task_field="{field}"')
    recipe = one_file(tmp_path, "add")
    if field:
        recipe.write_text(recipe.read_text(encoding="utf-8").replace(', task_field = "channel"', ""))
    output = tmp_path / "out"
    assert mft("compare", str(recipe), *ARMS, *MIX_SETTINGS, *more, "--output", str(output)) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert "the task 'add' is called as the entry or the files that it shares with other tasks" in error
    assert "rename these" in error
    assert not output.exists()


def one_file(folder: Path, name: str) -> Path:
    """A recipe with the tasks "add" and "reverse" in one file; `name` is that of its entry."""
    for side in ("train", "valid"):
        parts = {task: Path("data", task, f"{side}.jsonl") for task in ("add", "reverse")}
        found = [{**row, "channel": task} for task, path in parts.items() if path.exists() for row in rows(path)]
        write_rows(folder / f"{side}.jsonl", found)
    recipe = folder / "recipe.toml"
    entry = f'{{name = "{name}", train = "train.jsonl", valid = "valid.jsonl", task_field = "channel"}}'
    text = Path("recipe.toml").read_text(encoding="utf-8").replace('path = "data"', f"tasks = [{entry}]")
    recipe.write_text(text)
    return recipe
