"""Gradients of the tasks' mean losses between optimizer steps, for losses that balance by them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from mft_core.evaluation.losses import EvaluationContext
from mft_core.nn.modes import gradients_without_dropout
from mft_core.objective.gramians import Gramians
from mft_core.objective.loss import ProbeRequest
from mft_core.records import TokenLosses
from mft_core.training.gradient_store import gradient_store
from mft_core.training.probe import rotation, window
from mft_core.training.sharding import gradients_kept, local, local_gradient, own_copy, trained_parameters


@dataclass(frozen=True, slots=True)
class ProbedData:
    """The samples of which some are probed, under the model."""

    training: EvaluationContext
    validation: EvaluationContext

    def sides(self, gradients: str) -> tuple[EvaluationContext, ...]:
        """What "train", "validation" or "both" means."""
        named = {"train": (self.training,), "validation": (self.validation,)}
        return named.get(gradients, (self.training, self.validation))


class GradientProbe:
    """Takes each task's gradient on a few of its samples, one task after the other, and hands on inner products.

    Which samples these are follows from the seed and the step alone, so nothing has to be saved. The model and its mode
    stay as they are; dropout is off. One forward and one backward of the samples is all it costs, since each row holds
    samples of one task.

    Args:
        data: whose gradients.
        request: of which side, how many samples, how often.
        by: "tokens" or "samples": what counts equally in a task's mean loss.
        seed: of the choice of samples, and of the sketch where whole gradients do not fit.
        receive: is called with what is measured, on every rank.
    """

    def __init__(
        self, data: ProbedData, request: ProbeRequest, by: str, seed: int, receive: Callable[[Gramians], None]
    ) -> None:
        self._sides = data.sides(request.gradients)
        self._request = request
        self._by = by
        self._seed = seed
        self._receive = receive

    def start(self, step: int) -> None:
        """Measure with the samples that belong to `step` optimizer steps done."""
        self._receive(self.measure(step))

    def after_step(self, step: int) -> None:
        """To be called when `step` optimizer steps are done and the last one was not skipped."""
        if step % self._request.every == 0:
            self.start(step)

    def measure(self, step: int, beside: Callable[[int], None] | None = None) -> Gramians:
        """Inner products of all tasks' gradients when `step` optimizer steps are done, over all ranks.

        Args:
            beside: called while the parameters' `grad` is that of a gradient, with its number: those of the first
                side's tasks come first. It leaves parameters, gradients and the model's mode as they are.
        """
        tasks, sides = len(self._sides[0].names), len(self._sides)
        chosen = [self.samples(side, task, step) for side in self._sides for task in range(tasks)]
        products = self._products(chosen, beside)
        known = np.isfinite(np.diag(products))
        products = np.where(np.outer(known, known), products, 0.0)
        given = np.array([len(samples) > 0 for samples in chosen]).reshape(sides, tasks).min(axis=0)
        present = given & known.reshape(sides, tasks).min(axis=0)
        parts = products.reshape(sides, tasks, sides, tasks) * np.outer(present, present)[None, :, None, :]
        lost = given & ~present
        if sides == 2:
            return Gramians(present, lost, parts[0, :, 0], parts[1, :, 1], parts[0, :, 1])
        if self._request.gradients == "validation":
            return Gramians(present, lost, validation=parts[0, :, 0])
        return Gramians(present, lost, train=parts[0, :, 0])

    def samples(self, side: EvaluationContext, task: int, step: int) -> np.ndarray:
        """int64: those of a task that are probed on one side when `step` optimizer steps are done."""
        samples, most = side.validation.task_samples(task), self._request.samples_per_task
        return window(samples, most, rotation(self._request, step), [self._seed, task])

    def _products(self, chosen: list[np.ndarray], beside: Callable[[int], None] | None) -> np.ndarray:
        """float64 [n, n]: of the gradients on n choices of samples, each of one task; the sides' tasks in turn."""
        context = self._sides[0]
        accelerator, tasks = context.accelerator, len(context.names)
        trained = trained_parameters(context.model)
        held = _held(trained, context)
        elements = sum(local(parameter).numel() for parameter in held)
        itemsize = max((parameter.element_size() for parameter in held), default=0)
        store = gradient_store(len(chosen), elements, itemsize, self._seed)
        for number, samples in enumerate(chosen):
            if len(samples):
                with gradients_without_dropout(context.model):
                    mean_loss_backward(self._sides[number // tasks], samples, self._by)
                store.put(number, [local_gradient(parameter) for parameter in held])
                if beside:
                    beside(number)
            for parameter in trained:
                parameter.grad = None
        return accelerator.reduce(store.gramian().to(accelerator.device), "sum").cpu().numpy()

    def state_dict(self) -> dict[str, Any]:
        """Nothing: see the class."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to take back."""


def mean_loss_backward(context: EvaluationContext, samples: np.ndarray, by: str) -> None:
    """Add the gradient of the mean loss of some samples of one task to the parameters' own, over all ranks.

    Args:
        by: "tokens", each counts as often as its weight says, or "samples", each as often as its tokens do on average.
    """
    table = context.validation
    per_task = table.sizes(samples, len(context.names))[1 if by == "tokens" else 0]
    mean = partial(_part_of_mean, by=by, total=float(per_task.sum()))
    batches = list(context.batches(samples))
    for number, batch in enumerate(batches):
        with gradients_kept(context.model, context.accelerator, last=number == len(batches) - 1):
            # DDP and FSDP average gradients over ranks; the mean is a sum over ranks.
            (mean(context.model(batch, mean)) * context.accelerator.num_processes).backward()


def _part_of_mean(tokens: TokenLosses, by: str, total: float) -> torch.Tensor:
    """Scalar: what a micro-batch adds to the mean loss."""
    losses = tokens.cross_entropy if tokens.weight is None else tokens.cross_entropy * tokens.weight
    return (losses if by == "tokens" else losses / tokens.sample_tokens).sum() / total


def _held(trained: list[nn.Parameter], context: EvaluationContext) -> list[nn.Parameter]:
    """Those whose part of inner products this rank computes, each copy of the model its share; of shards its own."""
    copy, copies = own_copy(context.model, context.accelerator)
    return trained[copy::copies]
