"""Data that a recipe names and that is not read, because it names tasks by their files too."""

from __future__ import annotations

from pathlib import Path

from mft_core.recipe.addresses import address_of
from mft_core.recipe.choices import AUTO
from mft_core.recipe.naming import EXPLICIT_TASKS, source_choice
from mft_core.recipe.schema import Recipe
from mft_core.support.lists import first_few


def displaced_warnings(recipe: Recipe) -> list[str]:
    """One for `data.path`, where no file of a task lies there, so that it is not what their paths begin at; and one for
    `data.source`."""
    data = recipe.data
    if source_choice(recipe).name != EXPLICIT_TASKS:
        return []
    displaced = ["data.path"] * bool(data.path and not any(_lies_in(data.path, task.train) for task in data.tasks))
    displaced += ["data.source"] * (data.source.name != AUTO)
    trained = first_few([task.name for task in data.tasks if task.train and task.role == "train"])
    why = f'because data.tasks names files to train on ({trained}); those of role = "watch" alone would be added to it'
    return [f"{key} is not read, {why}" for key in displaced]


def _lies_in(folder: str, files: str) -> bool:
    """Whether a file, glob or folder of a task is in a folder, or the folder itself."""
    if not files or (address_of(files) and not Path(files).exists()):
        return False
    root = Path(folder).expanduser().resolve()
    return Path(root, Path(files).expanduser()).resolve().is_relative_to(root)
