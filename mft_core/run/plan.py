"""Recipe and catalog to everything but the weights; whatever can be wrong shows here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from transformers import PreTrainedConfig, PreTrainedTokenizerBase

from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.packing import OneEach
from mft_core.batching.prepared import PreparedFolder, open_prepared
from mft_core.batching.sample_table import SampleTable
from mft_core.data.source import DataRequest
from mft_core.data.task_files import check_names, explicit_tasks
from mft_core.data.tasks import TaskSet
from mft_core.data.unread_files import UnreadFile, unread_files, unread_warnings
from mft_core.errors import UsageError
from mft_core.models.adapter import ModelAdapter
from mft_core.models.checkpoints.config import read_config
from mft_core.models.loading import build_empty, load_tokenizer
from mft_core.models.positions import known_positions, learnt_positions, with_samples_within
from mft_core.models.recognition import fetch_base, model_adapters, recognize_adapter
from mft_core.nn.packed_attention import PACKED_ATTENTION, suitable_attention
from mft_core.recipe.naming import source_choice
from mft_core.recipe.schema import Recipe
from mft_core.records import TaskFiles
from mft_core.registry.catalog import Catalog
from mft_core.run.components import Parts, choose_parts
from mft_core.run.data_warnings import data_warnings
from mft_core.run.length_warnings import length_warnings
from mft_core.run.task_data import batch_plan, tokenised_tasks
from mft_core.support.paths import cache_folder
from mft_core.support.suggestions import did_you_mean
from mft_core.tuning.methods import check_tuning

OnProgress = Callable[[str, int, int], None]


@dataclass(slots=True)
class Plan:
    """Everything a run needs except the weights.

    Attributes:
        recipe: resolved.
        parts: the chosen components.
        adapter_name: the family, given or recognised.
        base_folder: where config.json, weights and tokenizer lie.
        config: the base's native configuration.
        task_set: tasks with their token stores and reports.
        training: rows of every optimizer step.
        validation: all validation samples.
        total_steps: optimizer steps of the run.
        unread: files in the data's folders that no task reads.
        warnings: what the user should know before it starts.
    """

    recipe: Recipe
    parts: Parts
    adapter: ModelAdapter
    adapter_name: str
    base_folder: Path
    config: PreTrainedConfig
    tokenizer: PreTrainedTokenizerBase
    task_set: TaskSet
    training: BatchPlan
    validation: SampleTable
    total_steps: int
    unread: list[UnreadFile]
    warnings: list[str]


def make_plan(
    recipe: Recipe,
    catalog: Catalog,
    on_progress: OnProgress | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
) -> Plan:
    """Do everything up to the weights: components, base folder, tokenizer, tasks, rows, steps.

    Args:
        on_progress: called as (task, bytes done, bytes in all) while tokenising.
        tokenizer: of a finished model; None: the base's own.

    Raises:
        MftError: what is wrong, where, and how to mend it.
    """
    check_tuning(recipe)
    parts = choose_parts(recipe, catalog)
    refuse_no_family(recipe, parts, catalog)
    for evaluator in parts.evaluators:
        evaluator.check()
    prepared = open_prepared(Path(recipe.data.prepared)) if recipe.data.prepared else None
    every = every_task(recipe, parts, prepared)
    files, unread = wanted(every, recipe), files_not_read(recipe, every)
    folder = fetch_base(recipe.model.base, catalog, parts.family)
    recipe, config = with_pinned_base(recipe, parts, folder), read_config(folder)
    adapter_name = recognize_adapter(model_adapters(catalog), config, parts.family)
    adapter = catalog.build("model", adapter_name)
    parts.entries.append(catalog.get("model", adapter_name))
    tokenizer = tokenizer or load_tokenizer(adapter, folder)
    parts.tokenization.bind(tokenizer)
    native_config = adapter.native_config(config, folder)
    learnt = learnt_positions(build_empty(native_config, torch.float32))
    limited = with_samples_within(recipe, learnt)
    task_set, stored_rows = tokenised_tasks(
        limited, files, parts.tokenization, tokenizer, parts.packer, prepared, on_progress
    )
    one_each = suitable_attention(native_config) != PACKED_ATTENTION
    packing = (OneEach(), None) if one_each else (parts.packer, stored_rows)
    training = batch_plan(recipe, task_set, *packing)
    parts.loss.start(replace(task_set.counts, repeats=training.repeats))
    return Plan(
        recipe=recipe,
        parts=parts,
        adapter=adapter,
        adapter_name=adapter_name,
        base_folder=folder,
        config=native_config,
        tokenizer=tokenizer,
        task_set=task_set,
        training=training,
        validation=SampleTable([task.valid for task in task_set.tasks]),
        total_steps=recipe.train.steps or training.total_steps(recipe.train.epochs),
        unread=unread,
        warnings=[
            *unread_warnings(unread, Path(recipe.data.path or ".").expanduser()),
            *plan_warnings(parts, task_set, learnt if limited is not recipe else None, one_each),
            *length_warnings(task_set, limited.data.max_length, recipe.data.overlong, known_positions(native_config)),
        ],
    )


def every_task(recipe: Recipe, parts: Parts, prepared: PreparedFolder | None) -> list[TaskFiles]:
    """The files of all tasks that the recipe's data has, names checked, no name twice.

    Args:
        prepared: where `data.prepared` is given, opened.
    """
    files = _found_tasks(recipe, parts, prepared)
    check_names(files)
    return files


def wanted(tasks: Sequence[TaskFiles], recipe: Recipe) -> list[TaskFiles]:
    """Those of the recipe's tasks that are to be trained.

    Raises:
        UsageError: `data.include` names a task there is not.
    """
    return included(tasks, recipe.data.include, "[data] include") if recipe.data.include else list(tasks)


def _found_tasks(recipe: Recipe, parts: Parts, prepared: PreparedFolder | None) -> list[TaskFiles]:
    data = recipe.data
    if prepared is not None:
        return prepared.files({task.name: task.weight for task in data.tasks})
    if parts.source is None:
        entries = [(task.name, task.train, task.valid or None, task.weight) for task in data.tasks]
        return explicit_tasks(entries, Path(data.path or "."))
    cache = cache_folder("sources", source_cache(recipe, parts))
    request = DataRequest(Path(data.path) if data.path else None, cache)
    return parts.source.tasks(request)


def files_not_read(recipe: Recipe, tasks: Sequence[TaskFiles]) -> list[UnreadFile]:
    """What lies in the folders that the recipe names and is read for none of all `tasks`.

    A folder of which no file is read is a source's own affair, or was prepared.
    """
    data = recipe.data
    root = Path(data.path or ".").expanduser()
    roots = [root / Path(task.train).expanduser() for task in data.tasks] if data.tasks else [root] * bool(data.path)
    read = [path.resolve() for task in tasks for path in (*task.train, *task.valid)]
    return [
        file
        for folder in dict.fromkeys(roots)
        if folder.is_dir() and any(path.is_relative_to(folder.resolve()) for path in read)
        for file in unread_files(folder, tasks)
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


def with_pinned_base(recipe: Recipe, parts: Parts, folder: Path) -> Recipe:
    """The recipe with the revision of the base that is in `folder`, so that it means the same weights later."""
    reference = parts.base_reference
    base = recipe.model.base.removesuffix(reference) + parts.base.pinned(reference, folder)
    return recipe.having("model", base=base)


def plan_warnings(parts: Parts, task_set: TaskSet, learnt: int | None, one_each: bool) -> list[str]:
    """What the user should know before the run starts.

    Args:
        learnt: the model's learnt positions, where they are what bounds a sample.
        one_each: the model's architecture does not let documents share a row.
    """
    warnings = []
    if parts.base.random_weights:
        warnings.append("the model has random weights: for trying things out, it will not write sensible text")
    if learnt is not None:
        warnings.append(f"the model has learnt {learnt} positions: longer samples are over-long (data.overlong)")
    if one_each:
        warnings.append("this architecture has an attention of its own: every row holds one sample")
    return [*warnings, *data_warnings(task_set, adapts_by_validation=parts.loss.probe is not None)]
