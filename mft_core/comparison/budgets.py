"""What a run on one task alone may use, so that all arms have equal budgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.sample_table import SampleTable
from mft_core.comparison.small_runs import Amounts

if TYPE_CHECKING:
    from mft_core.run.plan import Plan


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run on one task alone may use.

    Attributes:
        epochs: passes over its data, as many as the arms on all tasks make over the same data.
        eval_every: optimizer steps; the model is chosen from about as many evaluations as in those arms.
    """

    epochs: float
    eval_every: int


def single_budgets(plan: Plan) -> dict[str, Budget]:
    """What each task may use alone, from the plan of an arm on all tasks."""
    train, data = plan.recipe.train, plan.recipe.data
    epochs = passes(plan.training, plan.total_steps) if train.steps else train.epochs
    budgets = {}
    for task, repeats in zip(plan.task_set, plan.training.repeats, strict=True):
        mine = epochs * float(repeats)
        table, repeat = SampleTable([task.train]), np.array([task.sampling.repeat])
        alone = BatchPlan(table, plan.training.packer, data.max_length, train.batch_size, train.seed, repeat=repeat)
        share = alone.total_steps(mine) / plan.total_steps
        eval_every = max(1, round(train.eval_every * share)) if train.eval_every else 0
        budgets[task.name] = Budget(mine, eval_every)
    return budgets


def amounts_of(plan: Plan) -> Amounts:
    """What a run on all tasks trains on, from its plan."""
    table, tasks = plan.training.table, plan.task_set
    repeats = tasks.repeat.astype(np.float64)
    return Amounts(
        tasks=tasks.names,
        tokens=np.bincount(table.task, table.lengths, len(tasks)) * repeats,
        repeats=repeats,
        importance=tasks.counts.importance,
        passes=passes(plan.training, plan.total_steps),
        steps=plan.total_steps,
    )


def passes(training: BatchPlan, steps: int) -> float:
    """Epochs that so many optimizer steps make."""
    epoch, last = training.locate(steps - 1)
    return epoch + (last + 1) / training.epoch(epoch).steps
