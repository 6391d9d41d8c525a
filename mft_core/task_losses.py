"""Losses of the tasks, as sums that can be added up over samples, micro-batches and ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SUMS: Mapping[str, type] = {
    "token_sum": np.float64,
    "tokens": np.int64,
    "sample_sum": np.float64,
    "samples": np.int64,
    "probability_sum": np.float64,
}
WEIGHTED: Mapping[str, type] = {"weighted_tokens": np.float64, "weighted_samples": np.float64}


@dataclass(slots=True)
class TaskLosses:
    """Per-task sums over some samples, reduced over all ranks.

    Where the data has weights, w_ijk are the tokens' and W_ij = sum_k w_ijk; else all of them are 1.

    Attributes:
        token_sum: float64 [N], sum_jk w_ijk (-log P_ijk).
        tokens: int64 [N], number of terms in `token_sum`.
        sample_sum: float64 [N], sum_jk w_ijk (-log P_ijk) / T_ij.
        samples: int64 [N].
        probability_sum: float64 [N], sum_jk w_ijk P_ijk / T_ij.
        weighted_tokens: float64 [N], sum_j W_ij; None: the data has no weights.
        weighted_samples: float64 [N], sum_j W_ij / T_ij; None: the data has no weights.
    """

    token_sum: np.ndarray
    tokens: np.ndarray
    sample_sum: np.ndarray
    samples: np.ndarray
    probability_sum: np.ndarray
    weighted_tokens: np.ndarray | None = None
    weighted_samples: np.ndarray | None = None

    @classmethod
    def zeros(cls, tasks: int) -> TaskLosses:
        """No samples seen yet, for `tasks` tasks."""
        return cls(*(np.zeros(tasks, dtype) for dtype in SUMS.values()))

    @staticmethod
    def dtypes() -> dict[str, type]:
        """The fields that are always there, in order, with their dtypes."""
        return dict(SUMS)

    def sizes(self, by: str = "tokens") -> np.ndarray:
        """[N]: what the means divide by: the tokens or the samples, each as often as it counts."""
        plain, weighted = (
            (self.tokens, self.weighted_tokens) if by == "tokens" else (self.samples, self.weighted_samples)
        )
        return plain if weighted is None else weighted

    def mean(self, by: str = "tokens") -> np.ndarray:
        """float64 [N]: mean loss by "tokens" or by "samples"; NaN for a task with no sample here."""
        return _ratio(self.token_sum if by == "tokens" else self.sample_sum, self.sizes(by))

    def mean_probability(self) -> np.ndarray:
        """float64 [N]: P_i, the mean over samples of the mean probability of their targets; NaN without samples."""
        return _ratio(self.probability_sum, self.sizes("samples"))

    def by_name(self, names: Sequence[str]) -> dict[str, dict[str, float]]:
        """Each task's mean loss by tokens ("loss") and its tokens ("tokens"), as JSON values.

        Args:
            names: of the tasks, in their order.
        """
        means = self.mean().tolist()
        return {name: {"loss": means[index], "tokens": int(self.tokens[index])} for index, name in enumerate(names)}

    def as_json(self) -> dict[str, list[float]]:
        """Plain lists; floats survive JSON exactly."""
        return {name: getattr(self, name).tolist() for name in self._fields()}

    @classmethod
    def from_json(cls, value: Mapping[str, list[float]]) -> TaskLosses:
        """What `as_json` gave."""
        dtypes = {**SUMS, **WEIGHTED}
        return cls(**{name: np.array(values, dtypes[name]) for name, values in value.items()})

    def __add__(self, other: TaskLosses) -> TaskLosses:
        names = self._fields() | other._fields()
        weighed: dict[str, Any] = {name: self._column(name) + other._column(name) for name in names}
        return TaskLosses(**weighed)

    def _fields(self) -> dict[str, type]:
        return {**SUMS, **(WEIGHTED if self.weighted_tokens is not None else {})}

    def _column(self, name: str) -> np.ndarray:
        value = getattr(self, name)
        return self.sizes(name.removeprefix("weighted_")) if value is None else value


def _ratio(total: np.ndarray, size: np.ndarray) -> np.ndarray:
    return np.divide(total, size, out=np.full(len(total), np.nan), where=size > 0)
