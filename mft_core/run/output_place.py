"""Where results must not go: among the data, where the next run would take them for a task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mft_core.errors import UsageError
from mft_core.recipe.naming import EXPLICIT_TASKS, PREPARED, STANDARD_LIBRARY, source_choice
from mft_core.recipe.schema import Recipe
from mft_core.records import TaskFiles
from mft_core.support import run_files

HIDDEN = (".", "_")
"""How the names of folders begin in which no source looks for tasks."""
HINT = "choose an --output outside of the data"


def refuse_output_among_data(output: Path, recipe: Recipe, tasks: Sequence[TaskFiles]) -> None:
    """Refuse an output folder that is the data's, or lies so that what is written there would be found as data.

    Args:
        output: a folder, there or not.
        tasks: all that the recipe's data has, as far as they are known without making or fetching them.

    Raises:
        UsageError: it is, or lies so.
    """
    place = output.expanduser().resolve()
    folder = _folder_searched(recipe)
    if folder is not None:
        if place == folder:
            raise UsageError(f"the output folder {output} is the data folder", HINT)
        if _is_in_sight(place, folder) and not _is_one_task(folder, [task for task in tasks if _reads(task, folder)]):
            raise UsageError(f"the output folder {output} lies in the data folder {folder}: it would be a task", HINT)
    for task in recipe.data.tasks if source_choice(recipe).name != PREPARED else ():
        for files in filter(None, (task.train, task.valid)):
            if _finds(Path(recipe.data.path, files).expanduser().resolve(), place):
                raise UsageError(f"the output folder {output} lies where task {task.name!r} is read: {files}", HINT)


def _folder_searched(recipe: Recipe) -> Path | None:
    """The folder that the recipe names to be searched for data; None where it names what is trained, or nothing."""
    source = source_choice(recipe).name
    searched = "" if source in (EXPLICIT_TASKS, STANDARD_LIBRARY) else recipe.data.path
    named = recipe.data.prepared if source == PREPARED else searched
    return Path(named).expanduser().resolve() if named else None


def _is_in_sight(place: Path, folder: Path) -> bool:
    return place.is_relative_to(folder) and not place.relative_to(folder).parts[0].startswith(HIDDEN)


def _reads(task: TaskFiles, folder: Path) -> bool:
    return any(path.resolve().is_relative_to(folder) for path in (*task.train, *task.valid))


def _is_one_task(folder: Path, tasks: Sequence[TaskFiles]) -> bool:
    """Whether the folder is a task itself, of which no other folder in it is a part."""
    files = [path.resolve() for task in tasks for path in (*task.train, *task.valid)]
    names = {name for task in tasks for name in (task.shared.entries if task.shared else (task.name,))}
    return names == {folder.name} and all(path.parent == folder for path in files)


def _finds(pattern: Path, place: Path) -> bool:
    """Whether a task's folder is `place`, or its glob takes in what a run writes there."""
    if pattern.is_dir():
        return pattern == place
    parts = pattern.parts
    if "**" in parts and place.is_relative_to(Path(*parts[: parts.index("**")])):
        return True
    return any((place / name).match(str(pattern)) for name in (run_files.METRICS, run_files.QUARANTINE))
