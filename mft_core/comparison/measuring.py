"""Validation losses sample by sample, of trained models and of the base model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mft_core.comparison.losses_file import Measured, TaskLossesBySample
from mft_core.data.tasks import Task, TaskSet
from mft_core.data.tokenising import prepare_tasks
from mft_core.evaluation.losses import EvaluationContext
from mft_core.records import TaskFiles
from mft_core.run.plan import OnProgress, Plan
from mft_core.support.paths import cache_folder


def measure(context: EvaluationContext, tasks: TaskSet) -> Measured:
    """The losses of the model in `context` on the validation samples of `tasks`."""
    context = context.on(tasks.names, [task.valid for task in tasks])
    cross_entropy, tokens = context.sample_losses()
    found = {}
    for task in tasks:
        mine = context.validation.task_samples(task.index)
        if len(mine):
            found[task.name] = TaskLossesBySample(cross_entropy[mine], tokens[mine], digests(task))
    return found


def digests(task: Task) -> np.ndarray:
    """uint64 [M], of the contents of a task's validation samples."""
    return np.asarray(task.valid.entry.digests[task.valid.index])


def measure_base(plan: Plan) -> EvaluationContext:
    """The plan's base model as it is before training, to be measured."""
    from accelerate import Accelerator

    from mft_core.run.row_form import load_fitted, measuring
    from mft_core.support.ranks import process_state

    device = process_state().device
    accelerator = Accelerator(mixed_precision=plan.precision(device).mixed, cpu=device.type == "cpu")
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
