"""Which components a recipe names. Nothing is imported or built to know."""

from __future__ import annotations

from mft_core.recipe.choices import AUTO, Choice
from mft_core.recipe.schema import DataSection, Recipe, TaskSection
from mft_core.support.reading import ReaderChoice, RecordForm, TaskSampling

EXPLICIT_TASKS, PREPARED, FOLDER, STANDARD_LIBRARY = "tasks", "prepared", "folder", "stdlib"

TINY = "tiny"


def reader_choice(recipe: Recipe, of_task: Choice | None = None) -> ReaderChoice | None:
    """The reader meant: the task's own, else that of [data]; None: for each file the one that its suffix asks for."""
    for choice in (of_task, recipe.data.reader):
        if choice is not None and choice.name != AUTO:
            return ReaderChoice(choice.name, choice.options)
    return None


def record_form(data: DataSection, task: TaskSection | None = None) -> RecordForm:
    """How records are read: as the task says itself, else as [data] does."""
    columns = (task.columns if task else {}) or data.columns
    system = (task.system if task else "") or data.system
    field = (task.task_field if task else "") or data.task_field
    return RecordForm(tuple(columns.items()), data.reasoning, data.preference, data.render_json, system, field)


def sampling(task: TaskSection) -> TaskSampling:
    """Which samples a task has, where the task says so itself."""
    most = task.max_samples if task.max_samples >= 0 else None
    return TaskSampling(most, task.valid_fraction or None, task.max_length or None, task.repeat, task.role == "watch")


def source_choice(recipe: Recipe) -> Choice:
    """The data source meant: `data.prepared` if given, else [[data.tasks]] with files, else `data.source`, else
    `data.path` as a folder, else the standard library.

    Tasks with files that are only watched add to what `data.source` or `data.path` has, and stand in place of neither.
    """
    if recipe.data.prepared:
        return Choice(name=PREPARED)
    named = [task for task in recipe.data.tasks if task.train]
    elsewhere = recipe.data.source.name != AUTO or recipe.data.path
    if any(task.role == "train" for task in named) or (named and not elsewhere):
        return Choice(name=EXPLICIT_TASKS)
    if recipe.data.source.name != AUTO:
        return recipe.data.source
    return Choice(name=FOLDER if recipe.data.path else STANDARD_LIBRARY)
