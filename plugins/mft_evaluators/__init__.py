"""Measures of a trained model."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_evaluators() -> list[Component]:
    return [Component("loss", "mft_evaluators.loss:ValidationLoss", "validation loss and perplexity per task, exact")]
