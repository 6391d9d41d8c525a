"""The probe that a loss asks for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mft_core.evaluation.losses import EvaluationContext
from mft_core.objective.gramians import Gramians
from mft_core.objective.loss import Loss
from mft_core.support.lists import first_few
from mft_core.training.gradient_probe import GradientProbe, ProbedData
from mft_core.training.probe import Probe


def make_probe(
    loss: Loss, training: EvaluationContext, validation: EvaluationContext, seed: int, emit: Callable[..., None]
) -> Probe | GradientProbe | None:
    """What measures for `loss` and tells it; None: it asks for nothing.

    Args:
        loss: started.
        training: the model and the training samples.
        validation: the model and the validation samples.
        seed: of the choice of samples.
        emit: writes an event: its name and its fields.
    """
    request = loss.probe
    if request is None:
        return None
    if not request.gradients:
        return Probe(validation, loss, request, seed)

    def receive(gramians: Gramians) -> None:
        loss.observe_gradients(gramians)
        lost = [repr(loss.counts.names[task]) for task in np.flatnonzero(gramians.lost)]
        if lost:
            who = first_few(lost, of_what="tasks")
            emit("warning", message=f"gradients that are not finite are left out of the probe, of: {who}")
        for remark in loss.remarks():
            emit("warning", message=f"loss: {remark}")

    return GradientProbe(ProbedData(training, validation), request, loss.options.by, seed, receive)
