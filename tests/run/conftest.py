"""A run with evaluations."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import small_sets
from helpers.running import arguments, mft, with_recipe, write_rows, write_tasks


@pytest.fixture(scope="session")
def evaluated_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run with evaluations in its middle and at its end, and the same one without."""
    folder = tmp_path_factory.mktemp("runs")
    data = write_tasks(folder / "data")
    pairs = write_rows(folder / "pairs.jsonl", small_sets.PAIRS)
    recipe = folder / "recipe.toml"
    recipe.write_text(
        f'[[eval]]\nname = "code-bleu-like"\nevery = 2\ndata = "{pairs.name}"\nmax_new_tokens = 8\n'
        '[[eval]]\nname = "loss"\n'
    )
    steps = ("--steps", "5", "--loss", "famo")
    assert mft(*with_recipe(arguments(data, folder / "with", *steps), recipe)) == 0
    assert mft(*arguments(data, folder / "without", *steps)) == 0
    return folder / "with", folder / "without"
