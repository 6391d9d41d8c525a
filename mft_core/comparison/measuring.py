"""Validation losses sample by sample, of trained models and of the base model."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mft_core.data.tasks import Task, TaskSet
from mft_core.data.tokenising import prepare_tasks
from mft_core.evaluation.losses import EvaluationContext
from mft_core.records import TaskFiles
from mft_core.run.plan import OnProgress, Plan
from mft_core.support.durable import whole_file
from mft_core.support.paths import cache_folder

LOSSES_FILE = "losses.npz"


@dataclass(frozen=True, slots=True)
class TaskLossesBySample:
    """One task's M validation samples under one model.

    Attributes:
        cross_entropy: float64 [M], nats, summed over a sample's supervised tokens.
        tokens: int64 [M], supervised tokens; float64, the sums of their weights, where the data has weights.
        digests: uint64 [M], of the samples' contents, to tell whether two models saw the same.
    """

    cross_entropy: np.ndarray
    tokens: np.ndarray
    digests: np.ndarray


Measured = dict[str, TaskLossesBySample]
"""By task; tasks without validation samples are absent."""


def measure(context: EvaluationContext, tasks: TaskSet) -> Measured:
    """The losses of the model in `context` on the validation samples of `tasks`."""
    context = context.on(tasks.names, [task.valid for task in tasks])
    cross_entropy, tokens = context.sample_losses()
    found = {}
    for task in tasks:
        mine = context.validation.task_samples(task.index)
        digests = task.valid.entry.digests[task.valid.index]
        if len(mine):
            found[task.name] = TaskLossesBySample(cross_entropy[mine], tokens[mine], np.asarray(digests))
    return found


def measure_base(plan: Plan) -> EvaluationContext:
    """The plan's base model as it is before training, to be measured."""
    from accelerate import Accelerator

    from mft_core.models.precision import choose_precision
    from mft_core.run.row_form import load_fitted, measuring
    from mft_core.support.ranks import process_state

    device = process_state().device
    accelerator = Accelerator(mixed_precision=choose_precision(plan.recipe, device).mixed, cpu=device.type == "cpu")
    return measuring(load_fitted(plan, device), accelerator)


def unseen_tasks(plan: Plan, files: Sequence[TaskFiles], on_progress: OnProgress | None = None) -> TaskSet:
    """Tasks that are only measured, tokenised as those of the plan; and those that it watches itself."""
    if not files:
        return renumbered(plan.task_set.watched)
    cache = cache_folder("tokens")
    parts, settings = plan.parts, plan.recipe.data
    unseen = prepare_tasks(
        files, parts.tokenization, plan.tokenizer, settings, cache, on_progress,
        readers=parts.readers, own=parts.bound,
    )  # fmt: skip
    return renumbered((*unseen.every, *plan.task_set.watched))


def renumbered(tasks: Sequence[Task]) -> TaskSet:
    """The tasks as a set of their own, in this order."""
    return TaskSet(tuple(replace(task, index=index) for index, task in enumerate(tasks)))


def write_losses(path: Path, measured: Measured) -> None:
    """Write them whole or not at all; plain arrays, no pickle."""
    parts = list(measured.values())
    with whole_file(path) as stream:
        np.savez_compressed(
            stream,
            tasks=np.array(list(measured), dtype=np.str_),
            samples=np.array([len(part.tokens) for part in parts], np.int64),
            cross_entropy=np.concatenate([part.cross_entropy for part in parts] or [np.zeros(0)]),
            tokens=np.concatenate([part.tokens for part in parts] or [np.zeros(0, np.int64)]),
            digests=np.concatenate([part.digests for part in parts] or [np.zeros(0, np.uint64)]),
        )


def read_losses(path: Path) -> Measured | None:
    """What `write_losses` wrote; None where it is missing or damaged."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            cuts = np.cumsum(arrays["samples"])[:-1]
            columns = [np.split(arrays[name], cuts) for name in ("cross_entropy", "tokens", "digests")]
            parts = [TaskLossesBySample(*part) for part in zip(*columns, strict=True)]
            return dict(zip(arrays["tasks"].tolist(), parts, strict=True))
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None
