"""What can be wrong with a recipe that shows at once: names, options, data that is not there. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mft_core.batching.prepared import PreparedFolder, open_prepared
from mft_core.data.source import DataRequest
from mft_core.data.task_files import check_names, explicit_tasks
from mft_core.errors import UsageError
from mft_core.recipe.naming import EXPLICIT_TASKS, FOLDER, PREPARED, source_choice
from mft_core.recipe.schema import Recipe
from mft_core.records import TaskFiles
from mft_core.registry.catalog import Catalog
from mft_core.run.components import Parts, choose_parts
from mft_core.support.paths import cache_folder
from mft_core.support.suggestions import did_you_mean
from mft_core.tuning.methods import check_tuning

FOUND_AT_ONCE = (EXPLICIT_TASKS, FOLDER, PREPARED)
"""Where data comes from without being made or fetched."""


def check_recipe(recipe: Recipe, catalog: Catalog) -> None:
    """Refuse what needs no model to be found wrong, before importing what takes seconds.

    Raises:
        UsageError: an unknown name or option, a base made up for no family, data or a task that is not there.
        MftError: a component that cannot be used here.
    """
    check_tuning(recipe)
    parts = choose_parts(recipe, catalog)
    refuse_no_family(recipe, parts, catalog)
    if source_choice(recipe).name in FOUND_AT_ONCE:
        task_files(recipe, parts, open_prepared(Path(recipe.data.prepared)) if recipe.data.prepared else None)


def task_files(recipe: Recipe, parts: Parts, prepared: PreparedFolder | None) -> list[TaskFiles]:
    """The files of the tasks to train, names checked, no name twice.

    Args:
        prepared: where `data.prepared` is given, opened.

    Raises:
        UsageError: `data.include` names a task there is not.
    """
    data = recipe.data
    if prepared is not None:
        files = prepared.files({task.name: task.weight for task in data.tasks})
    elif parts.source is None:
        entries = [(task.name, task.train, task.valid or None, task.weight) for task in data.tasks]
        files = explicit_tasks(entries, Path(data.path or "."))
    else:
        request = DataRequest(Path(data.path) if data.path else None, cache_folder("sources"))
        files = parts.source.tasks(request)
    check_names(files)
    return included(files, data.include, "[data] include") if data.include else files


def included(files: Sequence[TaskFiles], names: Sequence[str], where: str) -> list[TaskFiles]:
    """The tasks called `names`, in the order of `files`.

    Args:
        where: the place that names them, for messages.

    Raises:
        UsageError: there is no such task.
    """
    known = [task.name for task in files]
    for name in names:
        if name not in known:
            raise UsageError(f"{where}: there is no task {name!r}", did_you_mean(name, known))
    return [task for task in files if task.name in names]


def refuse_no_family(recipe: Recipe, parts: Parts, catalog: Catalog) -> None:
    """A base that is made up is made up for a family.

    Raises:
        UsageError: none is given.
    """
    if not parts.family and parts.base.random_weights:
        families = " | ".join(entry.name for entry in catalog.of_kind("model"))
        raise UsageError(
            f"the base {recipe.model.base!r} is made up for a model family, and none is given",
            f"say which: --model {families}; or give real weights: --base smollm2",
        )
