"""CoBa: convergence balancer for multi-task fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from mft_core.interfaces import Loss, LossOptions, ProbeRequest
from mft_core.objective.running_mean import finite_or_none, nan_for_none
from mft_core.records import TaskCounts, TaskLosses
from mft_core.support import units
from mft_losses.arithmetic import softmax

TINY = 1e-12


class CobaOptions(LossOptions):
    """Options of `coba`."""

    warmup: int = Field(100, ge=0, description="W: validation measurements with uniform weights")
    window: int = Field(200, ge=2, description="H: measurements a slope is fitted to")
    temperature: float = Field(5.0, gt=0, description="tau of the divergence factor")
    probe_samples: int = Field(8, ge=1, description="validation samples per task in the probe")
    every: int = Field(1, ge=1, description="optimizer steps between measurements (one validation forward each)")


class Coba(Loss[CobaOptions]):
    """CoBa (arXiv 2410.06741), as its equations state, with slopes of validation losses.

    lbar_i(t) = l_i(t) / l_i(0); from W on, alpha_i(t) is the least-squares slope of lbar_i over the last H
    measurements. RCS = softmax_i(N alpha_i / sum_i |alpha_i|) favours tasks that converge slowly; ACS, the softmax over
    tasks of -n alpha_i(t) / sum_s |alpha_i(s)| over the task's last n <= H slopes, favours tasks that still converge,
    against their own past; DF = min(1, t softmax_s(-tau t alpha_max(s) / sum_s |alpha_max(s)|)[t]) over all t slopes
    so far of the slowest task falls when one diverges. omega = DF RCS + (1 - DF) ACS. Uniform until W.

    Unlike the authors' code, DF never exceeds 1, missing measurements are masked with their step, flat losses give no
    NaN, the window is H, and the state survives a resume. 2 N H numbers are kept, and one per measurement.
    """

    def start(self, counts: TaskCounts) -> None:
        """Nothing measured yet."""
        super().start(counts)
        tasks = len(counts)
        self._first = np.full(tasks, np.nan)
        self._losses = np.full((0, tasks), np.nan)
        self._slopes = np.full((0, tasks), np.nan)
        self._largest: list[float] = []
        self._measurements = 0

    @property
    def probe(self) -> ProbeRequest | None:
        """The same samples throughout: a slope over different samples would measure their difficulty."""
        return ProbeRequest(self.options.probe_samples, self.options.every, rotate_every=0)

    def observe(self, before: TaskLosses, after: TaskLosses) -> None:
        """Take in one measurement of all tasks; NaN where a task has no validation data."""
        measured = after.mean(self.options.by)
        usable = np.isfinite(measured) & (measured > 0)
        self._first = np.where(np.isnan(self._first) & usable, measured, self._first)
        self._losses = np.concatenate([self._losses, (measured / self._first)[None]])[-self.options.window :]
        self._measurements += 1
        if self._measurements > self.options.warmup:
            self._add_slopes(least_squares_slopes(self._losses))

    def _add_slopes(self, slopes: np.ndarray) -> None:
        """Slopes of the warm-up are left out: fitted to a few values, their noise would outweigh all later ones."""
        known = np.isfinite(slopes)
        if known.any():
            self._slopes = np.concatenate([self._slopes, slopes[None]])[-self.options.window :]
            self._largest.append(float(slopes[known].max()))

    def task_weights(self) -> np.ndarray:
        """Tasks without a slope get the mean weight of the others."""
        weights = self._balance() if self._largest else np.ones(len(self.counts))
        weights = weights * self.counts.importance
        return weights / weights.sum()

    def _balance(self) -> np.ndarray:
        known = np.isfinite(self._slopes[-1])
        slopes = self._slopes[:, known]
        factor = divergence_factor(np.array(self._largest), self.options.temperature)
        balanced = factor * relative_scores(slopes[-1]) + (1 - factor) * absolute_scores(slopes)
        weights = np.full(len(known), balanced.mean())
        weights[known] = balanced
        return weights

    def idle(self, steps: int) -> str:
        """A slope takes two measurements, the first of which comes before the first step."""
        options = self.options
        uniform = max(options.warmup, 1) * options.every
        if uniform < steps:
            return ""
        often = "at every step" if options.every == 1 else f"every {options.every} steps"
        warm_up = f"its warm-up is {units.counted(options.warmup, 'measurement')}, {often}"
        return f"its weights are uniform for {uniform} steps, since {warm_up}; lower loss.warmup or loss.every"

    def state_dict(self) -> dict[str, Any]:
        """The windows of losses and slopes, and the slopes of the slowest task."""
        return {
            "first": finite_or_none(self._first),
            "losses": finite_or_none(self._losses),
            "slopes": finite_or_none(self._slopes),
            "largest": self._largest,
            "measurements": self._measurements,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue with the same windows."""
        tasks = len(self.counts)
        self._first = nan_for_none(state["first"])
        self._losses = nan_for_none(state["losses"]).reshape(-1, tasks)
        self._slopes = nan_for_none(state["slopes"]).reshape(-1, tasks)
        self._largest = list(state["largest"])
        self._measurements = state["measurements"]


def least_squares_slopes(losses: np.ndarray) -> np.ndarray:
    """Slope of each column over its row numbers, centred; missing values are left out with their row.

    Args:
        losses: float64 [measurements, N].

    Returns:
        float64 [N]; NaN for a column with fewer than two values.
    """
    present = np.isfinite(losses)
    count = present.sum(0)
    time = np.arange(len(losses))[:, None] * np.ones(losses.shape[1])
    mean_time = np.divide((time * present).sum(0), count, out=np.zeros(losses.shape[1]), where=count > 0)
    centred = (time - mean_time) * present
    total = (centred * np.where(present, losses, 0.0)).sum(0)
    squares = (centred**2).sum(0)
    return np.divide(total, squares, out=np.full(losses.shape[1], np.nan), where=count > 1)


def relative_scores(slopes: np.ndarray) -> np.ndarray:
    """RCS, float64 [N], of the latest slopes."""
    return softmax(len(slopes) * slopes / max(np.abs(slopes).sum(), TINY))


def absolute_scores(slopes: np.ndarray) -> np.ndarray:
    """ACS, float64 [N]; `slopes` is [window, N], the latest last."""
    past = np.maximum(np.nansum(np.abs(slopes), axis=0), TINY)
    return softmax(-np.isfinite(slopes).sum(0) * slopes[-1] / past)


def divergence_factor(largest: np.ndarray, temperature: float) -> float:
    """DF, in [0, 1]; `largest` is float64 [t], the slowest task's slopes, the latest last."""
    entries = len(largest)
    scores = softmax(-temperature * entries * largest / max(np.abs(largest).sum(), TINY))
    return float(min(1.0, entries * scores[-1]))
