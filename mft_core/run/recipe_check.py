"""What can be wrong with a recipe that shows at once: names, options, data that is not there. Imports no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from mft_core.batching.prepared import PreparedFolder, open_prepared
from mft_core.data.shared_tasks import split_by_field
from mft_core.data.source import DataRequest, Fetched
from mft_core.data.task_files import ExplicitTask, check_names, explicit_tasks
from mft_core.data.unread_files import UnreadFile, unread_files
from mft_core.errors import UsageError
from mft_core.recipe.addresses import Address
from mft_core.recipe.naming import EXPLICIT_TASKS, FOLDER, PREPARED, reader_choice, record_form, sampling, source_choice
from mft_core.recipe.schema import Recipe, TaskSection
from mft_core.records import TaskFiles
from mft_core.registry.catalog import Catalog
from mft_core.run.components import Parts, choose_parts
from mft_core.run.continuing import check_continued
from mft_core.run.output_place import refuse_output_among_data
from mft_core.run.task_options import with_fields, with_options
from mft_core.support.lists import first_few
from mft_core.support.paths import cache_folder
from mft_core.support.suggestions import did_you_mean
from mft_core.support.unicode_names import composed

FOUND_AT_ONCE = (EXPLICIT_TASKS, FOLDER, PREPARED)
"""Where data comes from without being made or fetched."""


def check_recipe(recipe: Recipe, catalog: Catalog, of_model: bool = True, begins: bool = True) -> list[str]:
    """Refuse what needs no model to be found wrong, before importing what takes seconds.

    Args:
        of_model: the model will be asked for; False: records alone are looked at. Data that takes long to be made is
            refused without one in any case, before it is.
        begins: a run of it would begin; False: one goes on, whose checkpoints have what it once continued.

    Returns:
        The names of the tasks that are to be trained; none where they are not found at once.

    Raises:
        UsageError: an unknown name or option, a base made up for no family, data or a task that is not there, results
            that would lie among the data.
        MftError: a component that cannot be used here.
    """
    parts = choose_parts(recipe, catalog)
    if of_model and begins:
        check_continued(recipe, parts.tuner)
    at_once = source_choice(recipe).name in FOUND_AT_ONCE and not parts.fetching
    if of_model or not at_once:
        refuse_no_family(recipe, parts, catalog)
    found: list[TaskFiles] = []
    names: list[str] = []
    if at_once:
        prepared = open_prepared(Path(recipe.data.prepared)) if recipe.data.prepared else None
        found = every_task(recipe, parts, prepared)
        names = [task.name for task in wanted(found, recipe)]
    if recipe.output.dir:
        refuse_output_among_data(Path(recipe.output.dir), recipe, found)
    return names


def every_task(recipe: Recipe, parts: Parts, prepared: PreparedFolder | None) -> list[TaskFiles]:
    """The files of all tasks that the recipe's data has, names checked, no name twice.

    Args:
        prepared: where `data.prepared` is given, opened.

    Raises:
        UsageError: a task's samples may be longer than a row.
    """
    _refuse_longer_than_rows(recipe)
    files = _found_tasks(recipe, parts, prepared)
    if prepared is None:
        entries = with_fields(files, recipe)
        split = split_by_field(entries, record_form(recipe.data), parts.readers, cache_folder("fields"))
        files = with_options(split, recipe)
    check_names(files)
    return files


def _refuse_longer_than_rows(recipe: Recipe) -> None:
    most = recipe.data.max_length
    for task in recipe.data.tasks:
        if task.max_length > most:
            raise UsageError(
                f"Task {task.name!r}: its max_length, {task.max_length:,}, is more than data.max_length, {most:,}, "
                "which is what a row holds",
                f"raise that one: --set data.max_length={task.max_length}; or lower max_length of the task",
            )


def wanted(tasks: Sequence[TaskFiles], recipe: Recipe) -> list[TaskFiles]:
    """Those of the recipe's tasks that are to be trained or watched.

    Raises:
        UsageError: `data.include` names a task there is not, or none of them is to be trained.
    """
    found = included(tasks, recipe.data.include, "[data] include") if recipe.data.include else list(tasks)
    if found and all(task.sampling.watched for task in found):
        raise UsageError(
            f"there is no task to train, but such that are watched: {first_few([task.name for task in found])}",
            'give one without role = "watch"; to measure a model without training: mft eval',
        )
    return found


def _found_tasks(recipe: Recipe, parts: Parts, prepared: PreparedFolder | None) -> list[TaskFiles]:
    data = recipe.data
    if prepared is not None:
        return prepared.files(data.tasks)
    found: list[TaskFiles] = []
    if parts.source is not None:
        cache = cache_folder("sources", source_cache(recipe, parts))
        watched = frozenset(task.name for task in data.tasks if task.role == "watch" and not task.train)
        request = DataRequest(Path(data.path) if data.path else None, cache, parts.readers, watched)
        chosen = reader_choice(recipe)
        found = [task if task.reader else replace(task, reader=chosen) for task in parts.source.tasks(request)]
    return [*found, *_named_tasks(recipe, parts)]


def _named_tasks(recipe: Recipe, parts: Parts) -> list[TaskFiles]:
    """Those that the recipe gives by their files."""
    data = recipe.data
    entries = [
        ExplicitTask(
            task.name,
            task.train,
            task.valid,
            task.weight,
            reader_choice(recipe, task.reader),
            record_form(data, task),
            sampling(task),
        )
        for task in data.tasks
        if task.train
    ]
    return explicit_tasks(entries, Path(data.path or "."), parts.readers, partial(_fetch, parts))


def _fetch(parts: Parts, address: Address) -> Fetched | None:
    source = parts.fetching.get(address.source)
    if source is None:
        return None
    return source.fetch(address.rest, DataRequest(None, cache_folder("sources", address.source), parts.readers))


def with_pinned_data(recipe: Recipe, parts: Parts, tasks: Sequence[TaskFiles]) -> Recipe:
    """The recipe with the revisions of what was fetched for `tasks`, so that it means the same data later."""
    if recipe.data.prepared:
        return recipe
    recipe = recipe.having("data", tasks=_pinned_entries(recipe, tasks)) if recipe.data.tasks else recipe
    if parts.source is None:
        return recipe
    choice = source_choice(recipe)
    pinned = parts.source.pinned_options()
    options = {key: pinned.get(key, value) for key, value in choice.options.items()}
    if options == choice.options:
        return recipe
    return recipe.having("data", source=choice.model_copy(update={"options": options}))


def _pinned_entries(recipe: Recipe, tasks: Sequence[TaskFiles]) -> list[TaskSection]:
    """The entries of the recipe with the addresses of what was fetched for them; those that give options, with all that
    holds of the tasks that they name."""
    addresses = {task.name: task.addresses for task in tasks}
    for task in tasks:
        addresses |= task.shared.entries if task.shared else {}
    by_name = {task.name: task for task in tasks}
    sections = []
    for section in recipe.data.tasks:
        train, valid = addresses[section.name] if section.train else ("", "")
        told: dict[str, Any] = {"train": train or section.train, "valid": valid or section.valid}
        if not section.train and section.name in by_name:
            told |= {"weight": by_name[section.name].weight, "repeat": by_name[section.name].sampling.repeat}
            told["role"] = "watch" if by_name[section.name].sampling.watched else "train"
        sections.append(section.model_copy(update=told))
    return sections


def files_not_read(recipe: Recipe, parts: Parts, tasks: Sequence[TaskFiles]) -> list[UnreadFile]:
    """What lies in the folders that the recipe names and is read for none of all `tasks`.

    A folder of which no file is read is a source's own affair, or was prepared.
    """
    data = recipe.data
    root = Path(data.path or ".").expanduser()
    named = [root / Path(task.train).expanduser() for task in data.tasks if task.train]
    searched = bool(data.path) and source_choice(recipe).name != EXPLICIT_TASKS
    apart = [place for place in named if not (searched and place.resolve().is_relative_to(root.resolve()))]
    roots = [*[root] * searched, *apart]
    read = [path.resolve() for task in tasks for path in (*task.train, *task.valid)]
    return [
        file
        for folder in dict.fromkeys(roots)
        if folder.is_dir() and any(path.is_relative_to(folder.resolve()) for path in read)
        for file in unread_files(folder, tasks, parts.readers)
    ]


def source_cache(recipe: Recipe, parts: Parts) -> str:
    """The name of the source's own cache folder: no other plugin's source has it, nor this one with other options."""
    entry = next(entry for entry in parts.entries if entry.kind == "source")
    key = json.dumps([entry.plugin, entry.name, source_choice(recipe).options], sort_keys=True, default=str)
    return f"{entry.name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def included(files: Sequence[TaskFiles], names: Sequence[str], where: str) -> list[TaskFiles]:
    """The tasks called `names`, in the order of `files`.

    Args:
        where: the place that names them, for messages.

    Raises:
        UsageError: there is no such task.
    """
    known, named = [task.name for task in files], [composed(name) for name in names]
    for name in named:
        if name not in known:
            raise UsageError(f"{where}: there is no task {name!r}", did_you_mean(name, known))
    return [task for task in files if task.name in named]


def refuse_no_family(recipe: Recipe, parts: Parts, catalog: Catalog) -> None:
    """A base that is made up is made up for a family.

    Raises:
        UsageError: none is given.
    """
    if not parts.family and parts.base.random_weights:
        families = " | ".join(entry.name for entry in catalog.of_kind("model"))
        raise UsageError(
            f"the base {recipe.model.base!r} is made up for a model family, and none is given",
            f'say which: --model {families}; in a recipe: adapter = "qwen" under [model]; or give real weights: '
            "--base smollm2",
        )
