"""Weight moves to the tasks whose training helps all validation losses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from mft_core.interfaces import GradientOptions, Gramians, Loss, ProbeRequest
from mft_core.records import TaskCounts


class AlignOptions(GradientOptions):
    """Options of `align`."""

    step_size: float = Field(0.5, gt=0, description="eta: how fast weight moves; a weight's most at one measurement")
    floor: float = Field(0.1, ge=0, le=1, description="share of the weight that is always spread evenly")


class Align(Loss[AlignOptions]):
    """omega grows with how well a task's training gradient g_i points along the mean validation gradient v.

    v = sum_j p_j v_j, p_j in proportion to the tasks' `weight`: along -v the validation losses fall fastest in the
    mean. A step along -g_i lowers them by g_i . v, to first order. So q_i <- q_i exp(eta cos(g_i, v)), normalised, and
    omega = (1 - floor) q + floor / N; q too stays above floor / N, so that a task that was of no use for long comes
    back as fast as it went. N numbers are kept. Only differences between tasks move anything.

    DoGE (arXiv 2310.15393) is the idea; it takes exp(g_i . v / mu). The cosine has no mu to be set for each model, and
    a task does not gain by a loss on a larger scale. Nor is g_i . v divided by its own running size, for that would let
    weights wander as fast where the gradients tell nothing, and all cosines are next to 0, as where they tell much.
    """

    def start(self, counts: TaskCounts) -> None:
        """Uniform."""
        super().start(counts)
        self._logits = np.full(len(counts), -math.log(len(counts)))

    @property
    def probe(self) -> ProbeRequest:
        """Training and validation samples, others at every measurement."""
        return ProbeRequest(self.options.probe_samples, self.options.every, self.options.every, gradients="both")

    def observe_gradients(self, gramians: Gramians) -> None:
        """A task without samples on one of the sides, or without finite gradients, moves with the others' mean."""
        if gramians.train is None or gramians.validation is None or gramians.across is None:
            raise ValueError("the probe asks for gradients on both training and validation samples")
        seen = gramians.present
        if not seen.any():
            return
        share = np.where(seen, self.counts.importance, 0.0)
        found = cosines_with_mean(gramians.train, gramians.validation, gramians.across, share)
        moved = self._logits + self.options.step_size * np.where(seen, found, found[seen].mean())
        self._logits = np.maximum(_log_shares(moved), math.log(max(self.options.floor, 1e-300) / len(moved)))

    def task_weights(self) -> np.ndarray:
        """Floored, times the tasks' `weight`."""
        floor = self.options.floor
        mixed = (1 - floor) * np.exp(_log_shares(self._logits)) + floor / len(self.counts)
        weights = mixed * self.counts.importance
        return weights / weights.sum()

    def state_dict(self) -> dict[str, Any]:
        """log q."""
        return {"logits": self._logits.tolist()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back log q."""
        self._logits = np.array(state["logits"])


def cosines_with_mean(train: np.ndarray, validation: np.ndarray, across: np.ndarray, share: np.ndarray) -> np.ndarray:
    """float64 [N]: cos(g_i, sum_j share_j v_j), 0 where one of them is 0; all else is float64, of `Gramians`."""
    squares = np.diag(train) * max(share @ validation @ share, 0.0)
    products = across @ share
    return np.divide(products, np.sqrt(squares), out=np.zeros(len(share)), where=squares > 0)


def _log_shares(logits: np.ndarray) -> np.ndarray:
    """The logarithms of their softmax."""
    return logits - logits.max() - math.log(np.exp(logits - logits.max()).sum())
