"""What decides that prepared data is other data."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.token_data import pair, task_file
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import Recipe
from mft_core.records import TaskFiles
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.run.components import choose_parts
from mft_core.run.task_data import batch_plan, preparation, tokenised_tasks
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_packing.best_fit import BestFit
from mft_packing.sequential import Sequential
from mft_tokenization.tokenizations import MftCoder

CATALOG = discover(Workspace()).catalog
MFTCODER = load_recipe(None, [("data.tokenization", "mftcoder")])


def bound() -> tuple[MftCoder, object]:
    tokenizer, tokenization = small_tokenizer(), MftCoder()
    tokenization.bind(tokenizer)
    return tokenization, tokenizer


def prepared(recipe: Recipe, packer: object = None) -> dict[str, object]:
    parts = choose_parts(recipe, CATALOG)
    tokenizer = small_tokenizer()
    parts.bind(tokenizer)
    parts.packer = packer or parts.packer
    return preparation(recipe, parts, tokenizer)


def differences(recipe: Recipe, packer: object = None) -> list[str]:
    before, after = prepared(MFTCODER), prepared(recipe, packer)
    assert before.keys() == after.keys()
    return [key for key in before if before[key] != after[key]]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (("data.max_length", 77), ["data.max_length"]),
        (("data.overlong", "split"), ["data.overlong"]),
        (("data.split_seed", 5), ["data.split_seed"]),
        (("data.max_bad", 0.5), []),
        (("train.seed", 5), []),
        (("data.temperature", 2.0), []),
        (("train.batch_size", 99), []),
    ],
)
def test_only_what_is_written_counts(setting: tuple, expected: list[str]) -> None:
    assert differences(load_recipe(None, [("data.tokenization", "mftcoder"), setting])) == expected


def test_what_a_task_says_of_its_samples_counts_where_it_says_anything() -> None:
    tasks = [
        {"name": "own", "train": "a", "max_length": 64, "weight": 2.0},
        {"name": "none", "train": "b"},
        {"name": "alpaca", "train": "c", "tokenization": "alpaca"},
    ]
    made = prepared(load_recipe(None, [("data.tasks", tasks)]))["data.tasks"]
    assert made["own"] == {"max_length": 64}
    assert made["alpaca"]["tokenization"].startswith("Alpaca, template ")
    assert made.keys() == {"own", "alpaca"}


def test_another_packer_counts() -> None:
    assert differences(MFTCODER, Sequential()) == ["data.packer"]


def test_tasks_are_tokenised_into_the_cache_and_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFT_CACHE", str(tmp_path / "cache"))
    recipe = load_recipe(None, [("data.max_length", 40), ("train.batch_size", 3), ("data.split_seed", 4)])
    files = [TaskFiles("t", (task_file(tmp_path / "t.jsonl", [pair(number) for number in range(40)]),))]
    parts = choose_parts(recipe, CATALOG)
    parts.tokenization, tokenizer = bound()
    tasks, rows = tokenised_tasks(recipe, files, parts, tokenizer, None)
    assert rows is None
    assert tasks[0].train.entry.folder.parent == tmp_path / "cache" / "tokens"
    plan = batch_plan(recipe, tasks, BestFit(), rows)
    assert len(plan.table) == len(tasks[0].train)
    assert max(int(plan.table.lengths[row].sum()) for row in plan.step(0)[0]) <= 40
