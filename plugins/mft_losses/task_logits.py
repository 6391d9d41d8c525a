"""What both FAMOs share: logits of the tasks, which fall where losses fall fast (arXiv 2306.03792)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field
from typing_extensions import TypeVar

from mft_core.interfaces import Loss, LossOptions
from mft_core.objective.running_mean import finite_or_none, nan_for_none
from mft_core.records import TaskCounts, TaskLosses
from mft_losses.arithmetic import softmax

EPSILON = 1e-8
ADAM_BETAS = (0.9, 0.999)
RUNNING_MEAN = 0.9


class TaskLogitOptions(LossOptions):
    """Options of the algorithm, whichever losses drive it, with the values of `famo`."""

    learning_rate: float = Field(0.025, gt=0, description="of the task logits xi (Adam)")
    decay: float = Field(1e-5, ge=0, description="gamma: coupled L2 decay that pulls xi back to uniform")
    divide_by: Literal["loss", "first-loss", "nothing"] = Field(
        "loss", description="what a task's z is divided by: its latest loss, as published; its first; nothing"
    )
    floor: float = Field(
        0.1, gt=0, le=1, description="rho: what is divided by counts as at least this share of its mean over all tasks"
    )
    scale_delta: bool = Field(True, description="divide the log-loss decrease by its running root mean square")
    guard: bool = Field(True, description="a task whose loss is rising gains no weight")


SomeTaskLogitOptions = TypeVar("SomeTaskLogitOptions", bound=TaskLogitOptions, default=TaskLogitOptions, covariant=True)


class TaskLogits(Loss[SomeTaskLogitOptions]):
    """omega_i ~ z_i / max(D_i, rho * mean D) with z = softmax(xi), normalised to sum 1.

    With delta = log L_before - log L_after, xi descends along d = z * (delta - <z, delta>) with Adam: tasks with small
    decrease gain weight. A subclass hands the losses to `observe`; a task that it has none of keeps its logit and
    counts with the mean loss of the others.

    D is what `divide_by` says. FAMO asks for the direction g with the largest min_i <grad log L_i, g> - |g|^2 / 2. Its
    dual is g = sum_i z_i grad log L_i with the z of the simplex for which |g| is least, and since grad log L is
    grad L / L, D_i = L_i ("loss", as published). There all tasks with z_i > 0 have equal delta. So they have wherever
    d = 0, whatever D is, since d looks at decreases alone; and where d = 0 with all omega_i > 0, y_i ~ omega_i L_i has
    equal <grad log L_i, sum_j y_j grad log L_j> for all i, the condition of that least norm. So with every D the
    weights come to rest at the same omega. D decides on the way there:

    - "loss": log omega_i begins at -log L_i, and a step gives it delta_i beside what xi does: a task whose loss falls
      by half gains a factor of 2 over one whose loss does not, and xi, which moves by about `learning_rate` an update,
      must first make up for it. Until it has, it is fast tasks that gain.
    - "nothing": omega = z. It begins uniform, equal relative decreases leave it as it is, and only slow tasks gain.
    - "first-loss": D_i is the first loss seen. It begins where "loss" does and then moves as "nothing" does.

    Multiplying one task's loss by a constant changes xi under none of them. Its share of the objective, omega_i L_i,
    stays the same under "loss" and "first-loss", where `floor` does not bind; under "nothing" omega_i does.
    """

    def start(self, counts: TaskCounts) -> None:
        """Uniform logits, nothing observed yet."""
        super().start(counts)
        tasks = len(counts)
        self.logits = np.zeros(tasks)
        self._first_moment = np.zeros(tasks)
        self._second_moment = np.zeros(tasks)
        self._updates = np.zeros(tasks, np.int64)
        self._mean_square = 0.0
        self._measurements = 0
        self._running_delta = np.zeros(tasks)
        self._latest = np.full(tasks, np.nan)
        self._first = np.full(tasks, np.nan)

    def task_weights(self) -> np.ndarray:
        """omega_i ~ importance_i z_i / max(D_i, rho * mean D)."""
        weights = self.counts.importance * softmax(self.logits) / self._divisors()
        return weights / weights.sum()

    def _divisors(self) -> np.ndarray:
        """float64 [N], above 0."""
        if self.options.divide_by == "nothing":
            return np.ones(len(self.counts))
        losses = self._latest if self.options.divide_by == "loss" else self._first
        seen = np.isfinite(losses)
        mean = losses[seen].mean() if seen.any() else 1.0
        return np.maximum(np.where(seen, losses, mean) + EPSILON, self.options.floor * mean)

    def observe(self, before: TaskLosses, after: TaskLosses) -> None:
        """Update xi from the losses of the same samples before and after a step.

        Where both are the same object, they are only noted as the latest losses.
        """
        new = after.mean(self.options.by)
        if before is not after:
            old = before.mean(self.options.by)
            present = np.isfinite(old) & np.isfinite(new)
            if present.any():
                self._update(np.log(old[present] + EPSILON) - np.log(new[present] + EPSILON), present)
        self._latest = np.where(np.isfinite(new), new, self._latest)
        self._first = np.where(np.isnan(self._first), self._latest, self._first)

    def _update(self, delta: np.ndarray, present: np.ndarray) -> None:
        """One Adam step on the logits of the tasks that were measured and are not overfitting."""
        self._measurements += 1
        running = self._running_delta
        running[present] = RUNNING_MEAN * running[present] + (1 - RUNNING_MEAN) * delta
        if self.options.scale_delta:
            delta = delta / self._running_scale(delta)
        if self.options.guard:
            kept = running[present] >= 0
            delta = delta[kept]
            present = np.flatnonzero(present)[kept]
        if delta.size:
            self._adam(logit_gradient(self.logits[present], delta), present)

    def _running_scale(self, delta: np.ndarray) -> float:
        """Root of the bias-corrected running mean of delta squared."""
        self._mean_square = RUNNING_MEAN * self._mean_square + (1 - RUNNING_MEAN) * float(np.mean(delta**2))
        return float(np.sqrt(self._mean_square / (1 - RUNNING_MEAN**self._measurements))) + EPSILON

    def _adam(self, gradient: np.ndarray, tasks: np.ndarray) -> None:
        """Adam with coupled L2 decay, as the authors' torch.optim.Adam(weight_decay=gamma)."""
        gradient = gradient + self.options.decay * self.logits[tasks]
        first, second = ADAM_BETAS
        self._updates[tasks] += 1
        self._first_moment[tasks] = first * self._first_moment[tasks] + (1 - first) * gradient
        self._second_moment[tasks] = second * self._second_moment[tasks] + (1 - second) * gradient**2
        mean = self._first_moment[tasks] / (1 - first ** self._updates[tasks])
        square = self._second_moment[tasks] / (1 - second ** self._updates[tasks])
        self.logits[tasks] -= self.options.learning_rate * mean / (np.sqrt(square) + EPSILON)

    def state_dict(self) -> dict[str, Any]:
        """Logits, Adam moments, running means, and the latest and first losses."""
        return {
            "logits": self.logits.tolist(),
            "first_moment": self._first_moment.tolist(),
            "second_moment": self._second_moment.tolist(),
            "updates": self._updates.tolist(),
            "mean_square": self._mean_square,
            "measurements": self._measurements,
            "running_delta": self._running_delta.tolist(),
            "latest": finite_or_none(self._latest),
            "first": finite_or_none(self._first),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.logits = np.array(state["logits"])
        self._first_moment = np.array(state["first_moment"])
        self._second_moment = np.array(state["second_moment"])
        self._updates = np.array(state["updates"], np.int64)
        self._mean_square = state["mean_square"]
        self._measurements = state["measurements"]
        self._running_delta = np.array(state["running_delta"])
        self._latest = nan_for_none(state["latest"])
        self._first = nan_for_none(state["first"])


def logit_gradient(logits: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """d = z * (delta - <z, delta>) with z = softmax(logits): the gradient of <softmax(xi), delta> at xi = logits."""
    share = softmax(logits)
    return share * (delta - share @ delta)
