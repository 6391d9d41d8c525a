"""The [data] of a recipe to tasks and rows: tokenised now, or read from what `mft prepare` wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.packing import Packer
from mft_core.batching.prepared import TASKS, PreparedFolder
from mft_core.batching.sample_table import SampleTable
from mft_core.data.readings import Progress
from mft_core.data.sides import template_fingerprint, tokenizer_fingerprint
from mft_core.data.tasks import TaskSet
from mft_core.data.tokenising import prepare_tasks
from mft_core.data.tokenization import Tokenization
from mft_core.recipe.schema import Recipe, TaskSection
from mft_core.records import PackedRows, TaskFiles
from mft_core.run.components import Parts
from mft_core.support.paths import cache_folder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

DIGITS = 16
"""Of a fingerprint, for messages that people read."""

DECIDES_SAMPLES = (
    "split_seed", "max_length", "overlong", "valid_fraction", "max_samples", "max_valid_samples", "exclude", "columns",
    "reasoning", "preference", "render_json", "system", "task_field",
)  # fmt: skip
"""Keys of [data] that decide which samples there are, beside those of which `mft prepare` keeps fingerprints."""

DECIDES_ITS_SAMPLES = ("max_length", "max_samples", "valid_fraction", "columns", "system", "role")
"""Keys of [[data.tasks]] that decide which samples the task has; what is not given is as in [data]."""

StoredRows = Callable[[int], PackedRows | None]
"""Gives the rows of an epoch where they were stored."""


def tokenised_tasks(
    recipe: Recipe,
    files: Sequence[TaskFiles],
    parts: Parts,
    tokenizer: PreTrainedTokenizerBase,
    prepared: PreparedFolder | None,
    on_progress: Progress | None = None,
) -> tuple[TaskSet, StoredRows | None]:
    """The tasks with their samples, and the rows that were stored for this recipe, if any.

    Args:
        files: the tasks, in the order of their task ids.
        parts: with the tokenization bound to `tokenizer`.
        prepared: where `data.prepared` is given, opened.
        on_progress: as in `mft_core.data.tokenising.prepare_tasks`.

    Raises:
        MftError: data that cannot be used; a prepared folder that is damaged or was made otherwise.
    """
    if prepared is None:
        cache = cache_folder("tokens")
        tasks = prepare_tasks(
            files, parts.tokenization, tokenizer, recipe.data, cache, on_progress,
            readers=parts.readers, own=parts.bound,
        )  # fmt: skip
        return tasks, None
    names = [name for task in files for name in (task.of_entry, task.name)]
    prepared.check(preparation(recipe, parts, tokenizer), names)
    tasks = prepared.task_set(files)
    return tasks, prepared.rows_of(tasks, recipe.train.seed, recipe.data.temperature)


def batch_plan(recipe: Recipe, tasks: TaskSet, packer: Packer, stored_rows: StoredRows | None = None) -> BatchPlan:
    """The rows of every optimizer step."""
    data, train = recipe.data, recipe.train
    table, rows = SampleTable([task.train for task in tasks]), (data.max_length, train.batch_size, train.seed)
    return BatchPlan(table, packer, *rows, data.temperature, tasks.repeat, stored_rows)


def preparation(recipe: Recipe, parts: Parts, tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """All that decides what `mft prepare` writes but for the records, the seed and the temperature; JSON values.

    Args:
        parts: with the tokenization bound to `tokenizer`.
    """
    packer, own = parts.packer, {task.name: _own_choices(task) for task in recipe.data.tasks}
    for name, bound in parts.bound.items():
        own.setdefault(name, {})["tokenization"] = _laid_out(*bound)
    return {
        "tokenizer": tokenizer_fingerprint(tokenizer)[:DIGITS],
        "data.tokenization": _laid_out(parts.tokenization, tokenizer),
        "data.packer": f"{type(packer).__qualname__} {packer.options.model_dump(mode='json') or ''}".strip(),
        **{f"data.{key}": getattr(recipe.data, key) for key in DECIDES_SAMPLES},
        TASKS: {name: keys for name, keys in own.items() if keys},
    }


def _laid_out(tokenization: Tokenization, tokenizer: PreTrainedTokenizerBase) -> str:
    return f"{type(tokenization).__qualname__}, template {template_fingerprint(tokenization, tokenizer)[:DIGITS]}"


def _own_choices(task: TaskSection) -> dict[str, Any]:
    """What a task says itself of its samples."""
    defaults = {key: TaskSection.model_fields[key].default for key in DECIDES_ITS_SAMPLES}
    return {key: getattr(task, key) for key, default in defaults.items() if getattr(task, key) != default}
