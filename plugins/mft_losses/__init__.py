"""Multi-task objectives."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_losses() -> list[Component]:
    return [
        Component("balanced", "mft_losses.balanced:Balanced", "every task counts equally (MFTCoder, equation 1)"),
        Component("mixed", "mft_losses.mixed:Mixed", "every token counts equally: the mean all other tools train"),
        Component("power", "mft_losses.power:Power", "between the two: weights ~ size ** exponent"),
        Component("focal-sample", "mft_losses.focal:FocalSample", "hard samples count more (MFTCoder, equation 2)"),
        Component("focal-task", "mft_losses.focal:FocalTask", "hard tasks count more (MFTCoder, equation 3)"),
        Component("famo", "mft_losses.famo:Famo", "tasks whose validation loss falls slowly gain weight (FAMO)"),
        Component("famo-train", "mft_losses.famo_train:FamoTrain", "the original FAMO, on training losses"),
        Component("coba", "mft_losses.coba:Coba", "convergence balancer: slopes of validation losses (CoBa)"),
        Component("uncertainty", "mft_losses.uncertainty:Uncertainty", "every task's loss on one scale: ~ 1 / loss"),
        Component("dwa", "mft_losses.dynamic_average:DynamicWeightAverage", "tasks whose training loss falls slowly"),
        Component("dro", "mft_losses.robust:GroupRobust", "weight moves to the tasks with the highest loss"),
        Component("align", "mft_losses.align:Align", "tasks whose gradients point along the mean validation gradient"),
        Component("random", "mft_losses.random_weights:RandomWeights", "random weights: the control"),
    ]
