"""Balancers that look at gradients, for tests of what hands these to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mft_core.interfaces import GradientBalancer, GradientOptions, Gramians, Loss, ProbeRequest


class ShortGradientsFirst(GradientBalancer):
    """omega_i ~ 1 / |g_i|: all tasks pull equally hard."""

    def weigh(self, gramian: np.ndarray) -> np.ndarray:
        return 1 / np.sqrt(np.diag(gramian))


class GradientRecorder(Loss[GradientOptions]):
    """Remembers what it was shown; weighs by it, so that what it is shown shows in the trained weights."""

    gradients = "both"

    def start(self, counts) -> None:
        super().start(counts)
        self.seen: list[Gramians] = []
        self.weights = np.full(len(counts), 1 / len(counts))

    @property
    def probe(self) -> ProbeRequest:
        options = self.options
        return ProbeRequest(options.probe_samples, options.every, options.every, gradients=self.gradients)

    def observe_gradients(self, gramians: Gramians) -> None:
        self.seen.append(gramians)
        shares = np.where(gramians.present, np.abs(gramians.across).sum(axis=1), 0.0)
        self.weights = (shares + shares.mean()) / (shares + shares.mean()).sum()

    def task_weights(self) -> np.ndarray:
        weights = self.weights * self.counts.importance
        return weights / weights.sum()

    def state_dict(self) -> dict[str, Any]:
        return {"weights": self.weights.tolist()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.weights = np.array(state["weights"])
