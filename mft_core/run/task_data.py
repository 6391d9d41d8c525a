"""The [data] of a recipe to tasks and rows: tokenised now, or read from what `mft prepare` wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.packing import Packer
from mft_core.batching.prepared import open_prepared
from mft_core.batching.sample_table import SampleTable
from mft_core.data.tasks import TaskSet
from mft_core.data.tokenising import DataSettings, Progress, prepare_tasks, template_fingerprint, tokenizer_fingerprint
from mft_core.data.tokenization import Tokenization
from mft_core.recipe.schema import Recipe
from mft_core.records import PackedRows, TaskFiles
from mft_core.support.paths import cache_folder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

DIGITS = 16
"""Of a fingerprint, for messages that people read."""

StoredRows = Callable[[int], PackedRows | None]
"""Gives the rows of an epoch where they were stored."""


def tokenised_tasks(
    recipe: Recipe,
    files: Sequence[TaskFiles],
    tokenization: Tokenization,
    tokenizer: PreTrainedTokenizerBase,
    packer: Packer,
    on_progress: Progress | None = None,
) -> tuple[TaskSet, StoredRows | None]:
    """The tasks with their samples, and the rows that were stored for this recipe, if any.

    Args:
        files: the tasks, in the order of their task ids.
        tokenization: bound to `tokenizer`.
        on_progress: as in `mft_core.data.tokenising.prepare_tasks`.

    Raises:
        MftError: data that cannot be used; a prepared folder that is damaged or was made otherwise.
    """
    if not recipe.data.prepared:
        cache = cache_folder("tokens")
        return prepare_tasks(files, tokenization, tokenizer, data_settings(recipe), cache, on_progress), None
    folder = open_prepared(Path(recipe.data.prepared))
    folder.check(preparation(recipe, tokenization, tokenizer, packer))
    tasks = folder.task_set(files)
    return tasks, folder.rows_of(tasks, recipe.train.seed, recipe.data.temperature)


def batch_plan(recipe: Recipe, packer: Packer, tasks: TaskSet, stored_rows: StoredRows | None) -> BatchPlan:
    """The rows of every optimizer step."""
    data, train = recipe.data, recipe.train
    table = SampleTable([task.train for task in tasks])
    return BatchPlan(table, packer, data.max_length, train.batch_size, train.seed, data.temperature, stored_rows)


def preparation(
    recipe: Recipe, tokenization: Tokenization, tokenizer: PreTrainedTokenizerBase, packer: Packer
) -> dict[str, Any]:
    """All that decides what `mft prepare` writes but for the records, the seed and the temperature; JSON values."""
    settings, laid_out = asdict(data_settings(recipe)), template_fingerprint(tokenization, tokenizer)
    del settings["max_bad"]  # decides whether there is anything to write, not what
    return {
        "tokenizer": tokenizer_fingerprint(tokenizer)[:DIGITS],
        "data.tokenization": f"{type(tokenization).__qualname__}, template {laid_out[:DIGITS]}",
        "data.packer": f"{type(packer).__qualname__} {packer.options.model_dump(mode='json') or ''}".strip(),
        "data.split_seed": settings.pop("seed"),
        **{f"data.{key}": value for key, value in settings.items()},
    }


def data_settings(recipe: Recipe) -> DataSettings:
    """The part of the recipe that token stores depend on."""
    data = recipe.data
    return DataSettings(
        max_length=data.max_length,
        overlong=data.overlong,
        valid_fraction=data.valid_fraction,
        max_samples=data.max_samples,
        max_valid_samples=data.max_valid_samples,
        max_bad=data.max_bad,
        seed=recipe.data.split_seed,
    )
