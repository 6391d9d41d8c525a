"""Losses whose task weights follow from the inner products of the tasks' gradients."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field
from typing_extensions import TypeVar

from mft_core.objective.gramians import Gramians
from mft_core.objective.loss import Loss, ProbeRequest
from mft_core.objective.within_task import LossOptions
from mft_core.records import TaskCounts
from mft_core.support.lists import first_few


class GradientOptions(LossOptions):
    """Options of every loss that looks at gradients."""

    probe_samples: int = Field(2, ge=1, description="samples per task whose gradients are taken")
    every: int = Field(20, ge=1, description="optimizer steps between updates of the weights, each on other samples")


SomeGradientOptions = TypeVar("SomeGradientOptions", bound=GradientOptions, default=GradientOptions, covariant=True)


class GradientBalancer(Loss[SomeGradientOptions]):
    """Implement `weigh`: the Gramian of the tasks' training gradients becomes their weights.

    Between two measurements the weights stay as they are. A task without a finite gradient has the mean weight of the
    others. The method's weights are multiplied by the tasks' `weight`.

    Attributes:
        asked: int64 [n], in `weigh`: which tasks it is asked about, for methods that keep something of each.
    """

    asked: np.ndarray

    def start(self, counts: TaskCounts) -> None:
        """Uniform until the first measurement, which comes before the first step."""
        super().start(counts)
        self._weights = np.full(len(counts), 1 / len(counts))
        self._said: set[str] = set()
        self._remarks: list[str] = []

    @abstractmethod
    def weigh(self, gramian: np.ndarray) -> np.ndarray:
        """float64 [n]: the weights of n tasks, on any scale, from float64 [n, n], g_i . g_j.

        Tasks come in the order of their names, whatever their order in the run, so that what is drawn at random is
        drawn for the same task. Weights below 0 are taken as 0. Where one is not finite, or none above 0, all weights
        stay as they were. Both are said to the user, once.
        """

    @property
    def probe(self) -> ProbeRequest:
        """Other training samples at every measurement."""
        return ProbeRequest(self.options.probe_samples, self.options.every, self.options.every, gradients="train")

    def observe_gradients(self, gramians: Gramians) -> None:
        """Ask the method for weights."""
        if gramians.train is None:
            raise ValueError("the probe asks for no gradients on training samples")
        names = self.counts.names
        present = np.array(sorted(np.flatnonzero(gramians.present), key=lambda task: names[task]), np.int64)
        if not len(present):
            return
        self.asked = present
        found = np.asarray(self.weigh(gramians.train[np.ix_(present, present)]), np.float64)
        if not np.isfinite(found).all() or not (found > 0).any():
            self._remark("no weights", "gave no weights that can be used, so the weights stay as they are")
            return
        negative = [names[task] for task, weight in zip(present, found, strict=True) if weight < 0]
        if negative:
            who = first_few(map(repr, negative), of_what="tasks")
            self._remark("negative", f"gave {who} a weight below 0, which is taken as 0")
        kept = np.maximum(found, 0.0)
        weights = np.full(len(names), kept.mean())
        weights[present] = kept
        self._weights = weights / weights.sum()

    def _remark(self, kind: str, text: str) -> None:
        if kind not in self._said:
            self._said.add(kind)
            self._remarks.append(f"the method {text}; said once")

    def remarks(self) -> list[str]:
        """Each kind once in a run."""
        found, self._remarks = self._remarks, []
        return found

    def task_weights(self) -> np.ndarray:
        """Those of the last measurement, times the tasks' `weight`; that alone where the product is 0 for each task."""
        weights = self._weights * self.counts.importance
        if not weights.any():
            weights = self.counts.importance
        return weights / weights.sum()

    def state_dict(self) -> dict[str, Any]:
        """The weights, and what was said."""
        return {"weights": self._weights.tolist(), "said": sorted(self._said)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self._weights = np.array(state["weights"])
        self._said = set(state["said"])
