"""Recipe and catalog to everything but the weights; whatever can be wrong shows here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from transformers import PreTrainedConfig, PreTrainedTokenizerBase

from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.packing import OneEach
from mft_core.batching.prepared import open_prepared
from mft_core.batching.sample_table import SampleTable
from mft_core.data.tasks import TaskSet
from mft_core.data.unread_files import UnreadFile, unread_warnings
from mft_core.models.adapter import ModelAdapter
from mft_core.models.building import build_empty
from mft_core.models.checkpoints.config import read_config
from mft_core.models.end_tokens import read_end_tokens
from mft_core.models.loading import load_tokenizer
from mft_core.models.positions import known_positions, learnt_positions, with_samples_within
from mft_core.models.precision import Precision, choose_precision
from mft_core.models.recognition import fetch_base, model_adapters, of_recorded_family, recognize_adapter
from mft_core.nn.packed_attention import PACKED_ATTENTION, suitable_attention
from mft_core.recipe.schema import Recipe
from mft_core.registry.catalog import Catalog
from mft_core.run.affinity import affinity_warnings
from mft_core.run.components import Parts, choose_parts
from mft_core.run.course_warnings import course_warnings
from mft_core.run.data_warnings import data_warnings
from mft_core.run.displaced_data import displaced_warnings
from mft_core.run.length_warnings import length_warnings
from mft_core.run.recipe_check import every_task, files_not_read, refuse_no_family, wanted, with_pinned_data
from mft_core.run.shared_warnings import shared_warnings
from mft_core.run.task_data import batch_plan, tokenised_tasks
from mft_core.tuning.tuner import TunerRequest

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
        validation: all validation samples of tasks that are trained.
        total_steps: optimizer steps of the run.
        learnt: positions the model has learnt, which no sample may go beyond; None: it has no table of them.
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
    learnt: int | None
    unread: list[UnreadFile]
    warnings: list[str]

    def precision(self, device: torch.device) -> Precision:
        """How numbers are held on a device."""
        return choose_precision(self.recipe.model.dtype, device, self.parts.tuner.trains_base)

    @property
    def tuner_request(self) -> TunerRequest:
        """What the tuner is told of the run."""
        return tuner_request(self.recipe, self.adapter)


def tuner_request(recipe: Recipe, adapter: ModelAdapter) -> TunerRequest:
    """What a tuner is told of a recipe for a model of this family."""
    train = recipe.train
    return TunerRequest(train.seed, train.gradient_checkpointing is True, adapter.lora_targets)


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
    parts = choose_parts(recipe, catalog)
    refuse_no_family(recipe, parts, catalog)
    for evaluator in parts.evaluators:
        evaluator.check()
    prepared = open_prepared(Path(recipe.data.prepared)) if recipe.data.prepared else None
    every = every_task(recipe, parts, prepared)
    files, unread = wanted(every, recipe), files_not_read(recipe, parts, every)
    folder = fetch_base(recipe.model.base, catalog, parts.family)
    recipe, config = with_pinned_base(with_pinned_data(recipe, parts, every), parts, folder), read_config(folder)
    with of_recorded_family(catalog):
        adapter_name = recognize_adapter(model_adapters(catalog), config, parts.family)
    read_end_tokens(folder)  # what is wrong with them is said before anything is tokenised
    adapter = catalog.build("model", adapter_name)
    parts.entries += [*([] if prepared else parts.readers.entries(files)), catalog.get("model", adapter_name)]
    tokenizer = tokenizer or load_tokenizer(adapter, folder)
    parts.bind(tokenizer, {task.name: task.of_entry for task in files})
    native_config = adapter.native_config(config, folder)
    learnt = learnt_positions(build_empty(native_config, torch.float32))
    limited = with_samples_within(recipe, learnt)
    task_set, stored_rows = tokenised_tasks(limited, files, parts, tokenizer, prepared, on_progress)
    one_each = suitable_attention(native_config) != PACKED_ATTENTION
    training = batch_plan(recipe, task_set, *((OneEach(), None) if one_each else (parts.packer, stored_rows)))
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
        total_steps=_steps(recipe, training),
        learnt=learnt,
        unread=unread,
        warnings=[
            *displaced_warnings(recipe),
            *shared_warnings(every),
            *unread_warnings(unread, Path(recipe.data.path or ".").expanduser()),
            *plan_warnings(recipe, parts, task_set, training, learnt if limited is not recipe else None, one_each),
            *length_warnings(task_set, limited.data.max_length, recipe.data.overlong, known_positions(native_config)),
        ],
    )


def _steps(recipe: Recipe, training: BatchPlan) -> int:
    """Optimizer steps of the run."""
    return recipe.train.steps or training.total_steps(recipe.train.epochs)


def with_pinned_base(recipe: Recipe, parts: Parts, folder: Path) -> Recipe:
    """The recipe with the revision of the base that is in `folder`, so that it means the same weights later."""
    reference = parts.base_reference
    base = recipe.model.base.removesuffix(reference) + parts.base.pinned(reference, folder)
    return recipe.having("model", base=base)


def plan_warnings(
    recipe: Recipe, parts: Parts, task_set: TaskSet, training: BatchPlan, learnt: int | None, one_each: bool
) -> list[str]:
    """What the user should know before the run starts.

    Args:
        training: which rows each step trains on.
        learnt: the model's learnt positions, where they are what bounds a sample.
        one_each: the model's architecture does not let documents share a row.
    """
    warnings = course_warnings(recipe.train, parts.loss, task_set)
    if parts.base.random_weights:
        warnings.append("the model has random weights: for trying things out, it will not write sensible text")
    if learnt is not None:
        warnings.append(f"the model has learnt {learnt} positions: longer samples are over-long (data.overlong)")
    if one_each:
        warnings.append("this architecture has an attention of its own: every row holds one sample")
    measured, probe = TaskSet(task_set.every, without_task=task_set.without_task), parts.loss.probe
    warnings += affinity_warnings(recipe, task_set, _steps(recipe, training))
    return [*warnings, *data_warnings(measured, adapts_by_validation=probe is not None and probe.on_validation)]
