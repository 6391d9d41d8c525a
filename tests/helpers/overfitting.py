"""A training in which one task overfits at once and the others do not, and losses that decide after evaluations."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from helpers.small_trainer import make_trainer
from mft_core.batching.sample_table import SampleTable
from mft_core.events import read_events
from mft_core.interfaces import GO_ON, Decision, Loss
from mft_core.testing.samples import random_stores
from mft_core.training.trainer import Trainer
from mft_losses.balanced import Balanced

SIZES = [2, 9, 5]
STEPS = 12
COURSE = {"steps": STEPS, "eval_every": 2, "optimizer": "adamw", "learning_rate": 1e-2}
LOWEST, TURNED = 6, 10
"""Steps at which the loss of the task that overfits is lowest, and two evaluations later."""


def overfitting_trainer(run: Path, loss: Loss, sharded: bool = False, **settings) -> Trainer:
    """The first task has few random samples and is validated on others; the others are validated on their own."""
    training, others = random_stores(SIZES), random_stores([3], seed=9)
    validation = SampleTable([others[0], *training[1:]])
    return make_trainer(run, loss, SampleTable(training), validation, sharded=sharded, **{**COURSE, **settings})


def excluding(loss_class: type[Loss] = Balanced, **options) -> Loss:
    """A loss with the option on."""
    return loss_class(loss_class.Options(exclude="overfit", **options))


class Without(Balanced):
    """What a hand-made run has: these tasks have no weight."""

    tasks: tuple[int, ...] = (0,)

    def task_weights(self) -> np.ndarray:
        weights = super().task_weights()
        weights[list(self.tasks)] = 0
        return weights / weights.sum()


class Deciding(Balanced):
    """Answers what it was given for a step, as long as nobody has left; asks for every checkpoint to stay."""

    answers: dict[int, Decision] = {}

    def after_evaluation(self, step: int, losses: np.ndarray) -> Decision:
        self.shown = [*getattr(self, "shown", []), (step, losses)]
        return GO_ON if self.left_out.any() else self.answers.get(step, GO_ON)

    @property
    def may_go_back_to(self) -> set[int]:
        return set(range(STEPS))


def deciding(answers: dict[int, Decision]) -> Deciding:
    """Such a loss."""
    loss = Deciding()
    loss.answers = answers
    return loss


def said(trainer: Trainer, name: str) -> list[dict]:
    """The events of this name in its log."""
    return [event for event in read_events(trainer.log.path) if event["event"] == name]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether they are equal bit by bit."""
    return one.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def tokens_of(trainer: Trainer, steps: Iterable[int]) -> int:
    """Tokens that these steps train on."""
    table = trainer.plan.table
    return sum(int(table.lengths[np.concatenate(trainer.plan.step(step)[0])].sum()) for step in steps)
