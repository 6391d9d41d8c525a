"""What every loss here shares: TorchJD is asked for weights, and what becomes of it where it has none."""

from __future__ import annotations

import math
import warnings
from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from mft_core.interfaces import GradientBalancer, SomeGradientOptions

if TYPE_CHECKING:
    import torch


class TorchJdBalancer(GradientBalancer[SomeGradientOptions]):
    """Implement `ask`; TorchJD is imported there.

    The Gramian is divided by a number, the power of four next to the gradients' mean squared length. No weights depend
    on that number, but solvers do: TorchJD's stop far from the answer, or take gradients for zero, where these are as
    short as a language model's (about 1e-3). The lengths of the tasks' gradients relative to each other stay as they
    are.
    """

    @abstractmethod
    def ask(self, gramian: torch.Tensor) -> torch.Tensor:
        """[n]: the method's weights of n tasks, at least two, on any scale.

        Args:
            gramian: float64 [n, n], not 0, whose diagonal is about 1 in the mean; as `weigh`'s.

        Raises:
            Exception: of any kind; the solver has no weights, they stay as they were, and the reason is said.
        """

    def weigh(self, gramian: np.ndarray) -> np.ndarray:
        """What TorchJD says; 0 where it says nothing."""
        import torch

        if len(gramian) == 1:
            return np.ones(1)
        if not gramian.any():
            return np.zeros(len(gramian))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self.ask(torch.from_numpy(gramian / common_scale(gramian))).numpy()
        except Exception as error:  # noqa: BLE001 - four solvers, each with errors of its own
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            self._remark("no weights", f"found no weights ({reason}), so the weights stay as they are")
            return np.zeros(len(gramian))


def common_scale(gramian: np.ndarray) -> float:
    """The power of four next to the mean of the diagonal: dividing by it, or by its root, rounds nothing."""
    return math.ldexp(1.0, 2 * round(math.log2(np.diag(gramian).mean()) / 2))


def check_progress(weights: torch.Tensor, gramian: torch.Tensor, exponent: float) -> torch.Tensor:
    """The weights, if they make omega_i^exponent (G omega)_i the same for all tasks.

    That is what Nash-MTL and FairGrad ask for, and their solvers do not say where they stopped before.

    Raises:
        ArithmeticError: they do not, by more than a few percent.
    """
    progress = weights.clamp(min=0) ** exponent * (gramian @ weights)
    if not progress.min() > 0.95 * progress.max():
        raise ArithmeticError("the solver stopped before it had a solution")
    return weights
