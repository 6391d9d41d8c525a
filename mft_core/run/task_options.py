"""Entries of `[[data.tasks]]` without `train`: options of tasks that a source or a field finds, by their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from mft_core.errors import UsageError
from mft_core.recipe.naming import reader_choice, record_form, sampling
from mft_core.recipe.schema import Recipe, TaskSection
from mft_core.records import TaskFiles
from mft_core.support.reading import TaskSampling
from mft_core.support.suggestions import did_you_mean

HINT = "Without `train`, an entry of [[data.tasks]] gives options of a task that the data has."


def option_entries(recipe: Recipe) -> list[TaskSection]:
    """The entries that say no more than options.

    Raises:
        UsageError: one has validation files without training files, or its name is another one's too.
    """
    entries = [task for task in recipe.data.tasks if not task.train]
    times = Counter(task.name for task in recipe.data.tasks)
    for entry in entries:
        if entry.valid:
            watched = "Name them in `train`: all records of a watched task are measured, and none is trained."
            trained = "Give it `train` too, or lay the validation files beside those that train."
            raise UsageError(
                f"[[data.tasks]] {entry.name!r} has validation files, but no training files.",
                watched if entry.role == "watch" else trained,
            )
        if times[entry.name] > 1:
            raise UsageError(f"[[data.tasks]]: {entry.name!r} is there twice.", f"Say all of it in one entry. {HINT}")
    return entries


def with_fields(tasks: Sequence[TaskFiles], recipe: Recipe) -> list[TaskFiles]:
    """Tasks by their files, those that entries with a `task_field` name with what these say.

    Raises:
        UsageError: there is no such task, or as `option_entries`.
    """
    return _with(tasks, [entry for entry in option_entries(recipe) if entry.task_field], recipe)


def with_options(tasks: Sequence[TaskFiles], recipe: Recipe) -> list[TaskFiles]:
    """All tasks, those that entries without a `task_field` name with what these say.

    Raises:
        UsageError: there is no such task; a reader of one that shares its files; or as `option_entries`.
    """
    return _with(tasks, [entry for entry in option_entries(recipe) if not entry.task_field], recipe)


def _with(tasks: Sequence[TaskFiles], entries: Iterable[TaskSection], recipe: Recipe) -> list[TaskFiles]:
    by_name = {entry.name: entry for entry in entries}
    for name in by_name.keys() - {task.name for task in tasks}:
        known = did_you_mean(name, [task.name for task in tasks])
        raise UsageError(f"[[data.tasks]]: the data has no task {name!r}.", f"{known} {HINT}")
    return [_told(task, by_name[task.name], recipe) if task.name in by_name else task for task in tasks]


def _told(task: TaskFiles, entry: TaskSection, recipe: Recipe) -> TaskFiles:
    """The task with what an entry says of it; what that leaves out stays."""
    reader = reader_choice(recipe, entry.reader)
    if task.shared is not None and reader != reader_choice(recipe):
        raise UsageError(
            f"[[data.tasks]] {entry.name!r} has a reader, but shares its files with other tasks.",
            "Name it in data.reader, or with the files.",
        )
    form = task.form or record_form(recipe.data)
    columns, field = tuple(entry.columns.items()) or form.columns, entry.task_field or form.task_field
    given, own = entry.model_fields_set, sampling(entry)
    return replace(
        task,
        weight=entry.weight if "weight" in given else task.weight,
        reader=reader or task.reader,
        form=replace(form, columns=columns, system=entry.system or form.system, task_field=field),
        sampling=TaskSampling._make(
            other if said is None else said for said, other in zip(own, task.sampling, strict=True)
        )._replace(
            repeat=own.repeat if "repeat" in given else task.sampling.repeat,
            watched=own.watched if "role" in given else task.sampling.watched,
        ),
    )
