"""Trial steps: what the losses of all tasks would be if the next step were one task's alone."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn

from mft_core.evaluation.losses import EvaluationContext
from mft_core.training.sharding import is_sharded, local, local_gradient, own_copy, trained_parameters

SECOND_MOMENT, SMALLEST = "exp_avg_sq", 1e-8


class TrialSteps:
    """Steps of one length along the gradients of single tasks, each taken back before the next.

    The direction is the gradient, divided by the root of its running mean square where the optimizer keeps that (Adam
    and its kin): the way the run itself would go if its next step saw this task alone. So a trial step asks of a model
    what the run's own steps ask of it, neither more nor less; along the bare gradient a step as long as one of Adam's
    would go many times further than any step of the run along the few coordinates that are steepest.

    Args:
        context: the model, and the samples whose losses are asked for.
        samples: int64, indices of these.
        by: "tokens" or "samples": what counts equally in a task's mean loss.
        optimizer: of the run.
        length: of a step, over all trained parameters.
    """

    def __init__(
        self,
        context: EvaluationContext,
        samples: np.ndarray,
        by: str,
        optimizer: torch.optim.Optimizer,
        length: float,
    ) -> None:
        self._context = context
        self._samples = samples
        self._by = by
        self._optimizer = optimizer
        self._length = length
        self._start = copied(context.model)
        self._before = self._losses()

    def gain(self) -> np.ndarray:
        """float64 [N]: 1 - L_j(theta - step) / L_j(theta), a step along the gradient that the parameters hold.

        Z_ij of arXiv 2109.04617; NaN for a task without samples, everywhere where the gradient is 0 or not finite. The
        parameters are copied back afterwards: bit by bit what they were.
        """
        norm = self._norm()
        if not math.isfinite(norm) or norm == 0:
            return np.full(len(self._context.names), np.nan)
        try:
            with torch.no_grad():
                for parameter in trained_parameters(self._context.model):
                    moved = self._direction(parameter).mul_(self._length / norm)
                    local(parameter).sub_(moved.to(parameter.dtype))
            after = self._losses()
        finally:
            self._restore()
        return 1 - np.divide(after, self._before, out=np.full(len(after), np.nan), where=self._before > 0)

    def _losses(self) -> np.ndarray:
        return self._context.losses(self._samples).mean(self._by)

    def _restore(self) -> None:
        with torch.no_grad():
            for parameter, start in zip(trained_parameters(self._context.model), self._start, strict=True):
                local(parameter).copy_(start)

    def _norm(self) -> float:
        directions = map(self._direction, trained_parameters(self._context.model))
        return total_norm(directions, self._context.model, self._context.accelerator)

    def _direction(self, parameter: nn.Parameter) -> torch.Tensor:
        """This rank's part of it, in float32 at least."""
        gradient = local_gradient(parameter)
        gradient = gradient.to(torch.promote_types(gradient.dtype, torch.float32), copy=True)
        square = self._optimizer.state.get(parameter, {}).get(SECOND_MOMENT)
        return gradient if square is None else gradient.div_(local(square).to(gradient.dtype).sqrt() + SMALLEST)


def copied(model: nn.Module) -> list[torch.Tensor]:
    """This rank's parts of the trained parameters, in main memory."""
    return [local(parameter).detach().to("cpu", copy=True) for parameter in trained_parameters(model)]


def distance(model: nn.Module, before: list[torch.Tensor], accelerator: Accelerator) -> float:
    """How far the trained parameters are from a copy of them, over all ranks."""
    pairs = zip(trained_parameters(model), before, strict=True)
    moved = (local(parameter).detach().to(torch.float64) - old.to(parameter.device) for parameter, old in pairs)
    return total_norm(moved, model, accelerator)


def total_norm(parts: Iterator[torch.Tensor], model: nn.Module, accelerator: Accelerator) -> float:
    """The length of a vector of which this rank has `parts`: its shards, or all of it; the same on every rank."""
    total = torch.zeros((), dtype=torch.float64, device=accelerator.device)
    for part in parts:
        total += part.to(torch.float64).square().sum()
    if is_sharded(model):
        # Those of the first copy alone: so that every rank, of every copy, has the same number bit by bit.
        copy, _ = own_copy(model, accelerator)
        total = accelerator.reduce(total if copy == 0 else torch.zeros_like(total), "sum")
    return math.sqrt(float(total))
