"""Who helps whom: between steps of a run, how the tasks' gradients lie to each other and what a step of each does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from mft_core.evaluation.losses import EvaluationContext
from mft_core.objective.affinity import EVENT, as_event
from mft_core.objective.gramians import Gramians, cosines
from mft_core.objective.loss import ProbeRequest
from mft_core.training.callbacks import Callback, CallbackContext
from mft_core.training.gradient_probe import GradientProbe, ProbedData
from mft_core.training.look_ahead import TrialSteps, copied, distance
from mft_core.training.parameter_groups import rate_of


@dataclass(frozen=True, slots=True)
class AffinityRequest:
    """What is measured, and how often.

    Attributes:
        every: optimizer steps between two measurements.
        look_ahead: take trial steps too, beside cosines.
        samples_per_task: on each side, training and validation.
    """

    every: int
    look_ahead: bool
    samples_per_task: int = 2


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement of N tasks; NaN where something is not known.

    Attributes:
        cosine: float64 [N, N], of task i's training gradient and task j's validation gradient.
        cosine_train: float64 [N, N], of both training gradients.
        gain: float64 [N, N], what share of task j's validation loss a step along task i's training gradient takes off;
            None: no trial steps were taken.
        length: of a trial step.
    """

    cosine: np.ndarray
    cosine_train: np.ndarray
    gain: np.ndarray | None
    length: float


def measure_affinity(
    data: ProbedData,
    request: AffinityRequest,
    by: str,
    seed: int,
    step: int,
    optimizer: torch.optim.Optimizer,
    length: float,
) -> Measured:
    """Measure once, when `step` optimizer steps are done; parameters and the model's mode are afterwards as before.

    Args:
        data: training and validation samples under the model; the same tasks on both sides.
        by: "tokens" or "samples": what counts equally in a task's mean loss.
        seed: of the choice of samples.
        optimizer: of the run; shapes the trial steps.
        length: of a trial step; at 0 none is taken.
    """
    every = request.every
    asked = ProbeRequest(request.samples_per_task, every, rotate_every=every, gradients="both")
    probe = GradientProbe(data, asked, by, seed, receive=lambda _: None)
    tasks = len(data.validation.names)
    if not (request.look_ahead and length > 0):
        return Measured(*_cosines(probe.measure(step)), gain=None, length=length)
    chosen = np.concatenate([probe.samples(data.validation, task, step) for task in range(tasks)])
    trial, gain = TrialSteps(data.validation, chosen, by, optimizer, length), np.full((tasks, tasks), np.nan)

    def take_a_step(number: int) -> None:
        if number < tasks:  # those of training samples come first
            gain[number] = trial.gain()

    found = probe.measure(step, take_a_step)
    return Measured(*_cosines(found), gain=gain, length=length)


def _cosines(found: Gramians) -> tuple[np.ndarray, np.ndarray]:
    """Training x validation, and training x training."""
    assert found.train is not None
    assert found.validation is not None
    assert found.across is not None
    across = cosines(found.across, found.train, found.validation)
    return across, cosines(found.train, found.train, found.train)


class AffinityRecorder(Callback):
    """Measures every so many steps, and writes each measurement as an event; these are all that is kept.

    A trial step is as long as the step that the run has just taken would have been at the full learning rate: so one
    measurement tells as much as another, whatever the schedule. For its length the parameters before it are copied.

    Args:
        training: the training samples; their model is not used.
        request: what is measured.
        by: "tokens" or "samples": what counts equally in a task's mean loss.
        seed: of the choice of samples.
        rate: the run's full learning rate.

    Attributes:
        optimizer: of the run; to be set before the first step.
    """

    optimizer: torch.optim.Optimizer

    def __init__(self, training: EvaluationContext, request: AffinityRequest, by: str, seed: int, rate: float) -> None:
        super().__init__()
        self._training = training
        self._request = request
        self._by = by
        self._seed = seed
        self._rate = rate
        self._before: list[torch.Tensor] | None = None

    def start(self, context: CallbackContext) -> None:
        """A resumed run may measure after its first step."""
        super().start(context)
        self._before = copied(context.validation.model)

    def after_step(self, step: int) -> None:
        """Measure where it is due."""
        validation = self.context.validation
        if step % self._request.every == 0 and self._before is not None:
            length = self._full_length(self._before)
            data = ProbedData(replace(self._training, model=validation.model), validation)
            found = measure_affinity(data, self._request, self._by, self._seed, step, self.optimizer, length)
            if validation.accelerator.is_main_process:
                self.context.log.emit(EVENT, step, **self._fields(found))
        self._before = copied(validation.model) if (step + 1) % self._request.every == 0 else None

    def going_back(self, step: int) -> None:
        """The step that comes next starts at the model gone back to, as in a run resumed from there."""
        self._before = copied(self.context.validation.model)

    def _full_length(self, before: list[torch.Tensor]) -> float:
        validation, rate = self.context.validation, rate_of(self.optimizer)
        return distance(validation.model, before, validation.accelerator) * (self._rate / rate if rate else 0.0)

    def _fields(self, found: Measured) -> dict[str, Any]:
        names, samples = self.context.validation.names, self._request.samples_per_task
        return as_event(names, samples, found.length, found.cosine, found.cosine_train, found.gain)
