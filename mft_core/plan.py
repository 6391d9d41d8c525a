"""Recipe + catalog -> live objects, before any weights load; whatever can be wrong shows here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from mft_core.batches import BatchPlan, SampleTable
from mft_core.catalog import Catalog, Entry
from mft_core.data_plan import batch_plan, tokenised_tasks
from mft_core.errors import UsageError
from mft_core.interfaces import (
    Base,
    BaseRequest,
    DataRequest,
    Evaluator,
    Loss,
    ModelAdapter,
    Packer,
    Source,
    Tokenization,
)
from mft_core.modeling import build_empty, load_tokenizer, model_adapters, read_config, recognize_adapter, resolve_base
from mft_core.paths import cache_folder
from mft_core.positions import learnt_positions, with_samples_within
from mft_core.prepared import open_prepared
from mft_core.quantization import Quantization
from mft_core.recipe import AUTO, Choice, Recipe
from mft_core.records import TaskFiles
from mft_core.suggestions import did_you_mean
from mft_core.task_files import check_unique, explicit_tasks
from mft_core.tasks import TaskSet, validate_task_name
from mft_core.tuning import FULL, QLORA, check_initialization, prepare_for_tuning

OnProgress = Callable[[str, int, int], None]
EXPLICIT_TASKS, PREPARED, FOLDER, STANDARD_LIBRARY = "tasks", "prepared", "folder", "stdlib"
TINY = "tiny"


@dataclass(slots=True)
class Parts:
    """The chosen components, built, and where each came from."""

    loss: Loss
    packer: Packer
    tokenization: Tokenization
    evaluators: list[Evaluator]
    source: Source | None
    base: Base
    base_reference: str
    adapter: ModelAdapter | None
    entries: list[Entry] = field(default_factory=list)


@dataclass(slots=True)
class Plan:
    """Everything a run needs except the weights.

    Attributes:
        recipe: resolved.
        parts: the chosen components.
        adapter_name: the family, given or recognised.
        base_folder: where config.json, weights and tokenizer lie.
        task_set: tasks with their token stores and reports.
        training: rows of every optimizer step.
        validation: all validation samples.
        total_steps: optimizer steps of the run.
        warnings: what the user should know before it starts.
    """

    recipe: Recipe
    parts: Parts
    adapter: ModelAdapter
    adapter_name: str
    base_folder: Path
    tokenizer: PreTrainedTokenizerBase
    task_set: TaskSet
    training: BatchPlan
    validation: SampleTable
    total_steps: int
    warnings: list[str]


def choose_parts(recipe: Recipe, catalog: Catalog) -> Parts:
    """Look up and build every component the recipe names.

    Raises:
        UsageError: an unknown name or option, named with its recipe key.
    """
    entries: list[Entry] = []

    def build(kind: str, choice: Choice, where: str) -> Any:
        entries.append(catalog.get(kind, choice.name))
        return catalog.build(kind, choice.name, choice.options, where)

    base_name, reference = resolve_base(recipe.model.base, [entry.name for entry in catalog.of_kind("base")])
    source = source_choice(recipe)
    return Parts(
        loss=build("loss", recipe.loss, "[loss]"),
        packer=build("packer", recipe.data.packer, "[data] packer"),
        tokenization=build("tokenization", recipe.data.tokenization, "[data] tokenization"),
        evaluators=[build("evaluator", choice, "[[eval]]") for choice in recipe.eval],
        source=None if source.name in (EXPLICIT_TASKS, PREPARED) else build("source", source, "[data] source"),
        base=build("base", Choice(name=base_name), "[model] base"),
        base_reference=reference,
        adapter=build("model", Choice(name=recipe.model.adapter), "[model] adapter") if recipe.model.adapter else None,
        entries=entries,
    )


def source_choice(recipe: Recipe) -> Choice:
    """The data source meant: `data.prepared` if given, else [[data.tasks]], else `data.source`, else `data.path` as a
    folder, else the standard library."""
    if recipe.data.prepared:
        return Choice(name=PREPARED)
    if recipe.data.tasks:
        return Choice(name=EXPLICIT_TASKS)
    if recipe.data.source.name != AUTO:
        return recipe.data.source
    return Choice(name=FOLDER if recipe.data.path else STANDARD_LIBRARY)


def make_plan(recipe: Recipe, catalog: Catalog, on_progress: OnProgress | None = None) -> Plan:
    """Do everything up to the weights: components, base folder, tokenizer, tasks, rows, steps.

    Args:
        on_progress: called as (task, bytes done, bytes in all) while tokenising.

    Raises:
        MftError: what is wrong, where, and how to mend it.
    """
    check_tuning(recipe)
    parts = choose_parts(recipe, catalog)
    for evaluator in parts.evaluators:
        evaluator.check()
    files = task_files(recipe, parts)
    folder, adapter_name = fetch_base(recipe, parts, catalog)
    recipe = with_pinned_base(recipe, parts, folder)
    adapter = parts.adapter or catalog.build("model", adapter_name)
    if parts.adapter is None:
        parts.entries.append(catalog.get("model", adapter_name))
    tokenizer = load_tokenizer(adapter, folder)
    parts.tokenization.bind(tokenizer)
    learnt = learnt_positions(build_empty(adapter.load_config(folder), torch.float32))
    limited = with_samples_within(recipe, learnt)
    task_set, stored_rows = tokenised_tasks(limited, files, parts.tokenization, tokenizer, parts.packer, on_progress)
    training = batch_plan(recipe, parts.packer, task_set, stored_rows)
    parts.loss.start(replace(task_set.counts, repeats=training.repeats))
    return Plan(
        recipe=recipe,
        parts=parts,
        adapter=adapter,
        adapter_name=adapter_name,
        base_folder=folder,
        tokenizer=tokenizer,
        task_set=task_set,
        training=training,
        validation=SampleTable([task.valid for task in task_set.tasks]),
        total_steps=recipe.train.steps or training.total_steps(recipe.train.epochs),
        warnings=plan_warnings(parts, task_set, learnt if limited is not recipe else None),
    )


def task_files(recipe: Recipe, parts: Parts) -> list[TaskFiles]:
    """The files of the tasks to train, names checked, no name twice.

    Raises:
        UsageError: `data.include` names a task there is not.
    """
    data = recipe.data
    if data.prepared:
        files = open_prepared(Path(data.prepared)).files({task.name: task.weight for task in data.tasks})
    elif parts.source is None:
        entries = [(task.name, task.train, task.valid or None, task.weight) for task in data.tasks]
        files = explicit_tasks(entries, Path(data.path or "."))
    else:
        request = DataRequest(Path(data.path) if data.path else None, cache_folder("sources"))
        files = parts.source.tasks(request)
    for task in files:
        validate_task_name(task.name)
    check_unique(files)
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


def fetch_base(recipe: Recipe, parts: Parts, catalog: Catalog) -> tuple[Path, str]:
    """The base's folder and the name of its family, recognised from config.json where none was given."""
    if parts.adapter is None and parts.base.random_weights:
        families = " | ".join(entry.name for entry in catalog.of_kind("model"))
        raise UsageError(
            f"the base {recipe.model.base!r} is made up for a model family, and none is given",
            f"say which: --model {families}; or give real weights: --base smollm2",
        )
    wanted = recipe.model.adapter and catalog.get("model", recipe.model.adapter).name
    folder = parts.base.fetch(parts.base_reference, BaseRequest(parts.adapter, wanted, cache_folder("bases")))
    return folder, recognize_adapter(model_adapters(catalog), read_config(folder), wanted)


def with_pinned_base(recipe: Recipe, parts: Parts, folder: Path) -> Recipe:
    """The recipe with the revision of the base that is in `folder`, so that it means the same weights later."""
    reference = parts.base_reference
    base = recipe.model.base.removesuffix(reference) + parts.base.pinned(reference, folder)
    return recipe.model_copy(update={"model": recipe.model.model_copy(update={"base": base})})


def check_tuning(recipe: Recipe) -> None:
    """Refuse tuning options that exclude each other.

    Raises:
        UsageError: they do.
    """
    settings = recipe.tune
    if settings.method != FULL:
        check_initialization(settings.init, settings.method, settings.dora)
    if settings.method == QLORA and recipe.train.sharding == "full":
        raise UsageError(
            'train.sharding = "full" cannot spread weights in four bits.',
            'Use tune.method = "lora", or train.sharding = "none" with a copy on each device.',
        )


def quantization(recipe: Recipe) -> Quantization | None:
    """How the base's weights are quantised; None: they are not."""
    settings = recipe.tune
    return Quantization(settings.quant_type, settings.double_quant) if settings.method == QLORA else None


def tune(model: PreTrainedModel, recipe: Recipe, adapter: ModelAdapter) -> nn.Module:
    """The model with the parameters the recipe trains requiring gradients."""
    return prepare_for_tuning(
        model,
        method=recipe.tune.method,
        rank=recipe.tune.rank,
        alpha=recipe.tune.alpha,
        dropout=recipe.tune.dropout,
        targets=recipe.tune.targets,
        family=adapter.lora_targets,
        dora=recipe.tune.dora,
        rslora=recipe.tune.rslora,
        init=recipe.tune.init,
        cast_activations=recipe.tune.cast_activations,
        gradient_checkpointing=recipe.train.gradient_checkpointing is True,
        seed=recipe.train.seed,
    )


def plan_warnings(parts: Parts, task_set: TaskSet, learnt: int | None) -> list[str]:
    """What the user should know before the run starts.

    Args:
        learnt: the model's learnt positions, where they are what bounds a sample.
    """
    warnings = []
    if parts.base.random_weights:
        warnings.append("the model has random weights: for trying things out, it will not write sensible text")
    if learnt is not None:
        warnings.append(f"the model has learnt {learnt} positions: longer samples are over-long (data.overlong)")
    without = [task.name for task in task_set.tasks if not len(task.valid)]
    if without:
        consequence = "; their weights will not adapt" if parts.loss.probe else ""
        warnings.append(f"no validation data for: {', '.join(without)}{consequence}")
    return warnings
