"""The multi-task objective: what a loss's plugin implements."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mft_core.objective.decision import GO_ON, Decision
from mft_core.objective.gramians import Gramians
from mft_core.objective.overfitting import Overfitting
from mft_core.objective.within_task import SomeLossOptions, Within, make_within, weighted_sum
from mft_core.records import StepCounts, TaskCounts, TaskLosses, TokenLosses
from mft_core.registry.options import Configurable

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """A loss asks to see validation losses around optimizer steps, or gradients between them.

    Attributes:
        samples_per_task: samples of each task in the probe.
        every: optimizer steps between two measurements.
        rotate_every: optimizer steps after which other samples are taken; 0: never.
        gradients: of the tasks' mean losses, on so many training or validation samples each, or on both; "": none, the
            loss sees validation losses.
    """

    samples_per_task: int
    every: int
    rotate_every: int
    gradients: Literal["", "train", "validation", "both"] = ""

    @property
    def on_validation(self) -> bool:
        """Whether validation data decides on the weights."""
        return self.gradients != "train"


class Loss(Configurable[SomeLossOptions]):
    """The multi-task objective: sum_i omega_i L_i, exact whatever the batching (MFTCoder, equation 1).

    L_i is task i's loss over the whole training set, by tokens or by samples; omega are the task weights, fixed
    before a step's first forward. A new balancer only implements `task_weights`.
    """

    counts: TaskCounts
    within: Within
    overfitting: Overfitting

    left_out: np.ndarray
    """bool [N]: the tasks that have left the mixture. The trainer sets it, and takes their weight from `task_weights`
    itself: no loss needs to look at it."""

    measures_step_first: bool = False
    """Whether `before_step` must see the step's training losses: one more forward of its rows, without gradients."""

    measures_step_again: bool = False
    """Whether `after_step` must see the step's rows measured again after the update: one more forward."""

    def start(self, counts: TaskCounts) -> None:
        """Called once, before the first step, with the whole training set's counts.

        Raises:
            UsageError: an option that names a task there is not.
        """
        self.counts = counts
        self.within = make_within(self.options, counts)
        self.overfitting = Overfitting(counts.names, self.options.exclude_patience)
        self.left_out = np.zeros(len(counts), bool)

    def before_step(self, step: StepCounts) -> None:
        """Called before every step, ahead of `task_weights`; `step.losses` is set if `measures_step_first`."""

    def after_step(self, training: TaskLosses, again: TaskLosses | None) -> None:
        """Called after every step taken, with its training losses over all ranks.

        Args:
            training: of the step's own forward; tasks absent from the step have no samples in it.
            again: the same rows with the same dropout after the update, if `measures_step_again`.
        """

    @abstractmethod
    def task_weights(self) -> np.ndarray:
        """float64 [N], non-negative, summing to 1: omega for the coming step, the same on every rank.

        At the start it is in proportion to `counts.importance`, whatever else it depends on; asking twice changes
        nothing, and another order of the tasks gives the same weights in that order.
        """

    @property
    def probe(self) -> ProbeRequest | None:
        """The probe this loss wants; None: none. `observe`, or `observe_gradients`, is called with what it finds."""
        return None

    def observe(self, before: TaskLosses, after: TaskLosses) -> None:
        """Losses of one and the same probe before and after the last `probe.every` optimizer steps.

        At the start of training, and whenever other samples are taken, both arguments are the same object.
        """

    def observe_gradients(self, gramians: Gramians) -> None:
        """Inner products of the tasks' gradients, where `probe` asks for `gradients`; the same on every rank.

        Called before the first step, and after every `probe.every` steps.
        """

    def idle(self, steps: int) -> str:
        """Why the weights stay as they are in a run of so many optimizer steps, and what to set; "": they may move.

        Asked once started, for a run of several tasks; becomes a warning before the run. This implementation knows what
        a probe brings: nothing that is measured after the last step changes a weight. A loss that warms up, or looks at
        windows of steps, says so here.
        """
        probe = self.probe
        if probe is None or probe.every < steps:
            return ""
        return f"it measures before the first step and then every {probe.every}; measure more often (loss.every)"

    def remarks(self) -> list[str]:
        """What a user should know of what was observed last, each thing once; becomes warnings of the run."""
        return []

    def after_evaluation(self, step: int, losses: np.ndarray) -> Decision:
        """Called after every evaluation, on every rank: whether the run goes on as before.

        A run that goes back has the weights, the optimizer and this loss's state of then, so that nothing is known of
        what was given up but `left_out`; `train.max_extra_steps` bounds how often that can be. This implementation is
        the option `exclude`.

        Args:
            step: optimizer steps done; the first evaluation is that of step 0.
            losses: float64 [N], of all validation data, by tokens; NaN where a task has none.
        """
        if self.options.exclude != "overfit":
            return GO_ON
        return self.overfitting.after_evaluation(step, losses, self.left_out)

    @property
    def may_go_back_to(self) -> Collection[int] | None:
        """Steps of earlier evaluations that `after_evaluation` may yet answer with, whose checkpoints have to stay.

        None: it never goes back. Else every evaluated model is saved, that of step 0 too.
        """
        return self.overfitting.lowest_steps(self.left_out) if self.options.exclude == "overfit" else None

    def objective(self, tokens: TokenLosses, weights: np.ndarray, step: StepCounts) -> torch.Tensor:
        """Scalar: one micro-batch's part of the step's objective, sum_i omega_i L_i / Z; a pure function.

        The step's objective is the sum of this over its micro-batches and ranks.
        """
        return weighted_sum(self.within.contributions(tokens, step), weights / self.step_scale(weights, step))

    def step_scale(self, weights: np.ndarray, step: StepCounts) -> float:
        """Z: what a step's weighted sum is divided by; "expected": 1 / steps per epoch; "step": the step's own."""
        if self.options.normalize == "expected":
            return 1.0 / step.steps_per_epoch
        return float(np.sum(weights * self.within.share(step))) or 1.0

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to continue bit by bit, as JSON values (floats survive JSON exactly).

        Lists of one element per task, rows of these, and matrices of tasks by tasks follow the tasks' names where a run
        goes on with other tasks.
        """
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
