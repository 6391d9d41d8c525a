"""A model family, a loss, an optimizer and a maker for mft."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_models() -> list[Component]:
    """One family."""
    return [Component("toy", "mft_toy.model:Toy", "a small Llama under a name of its own")]


@hookimpl
def mft_losses() -> list[Component]:
    """One loss."""
    return [Component("toy-fixed", "mft_toy.loss:Fixed", "task weights that you give", aliases=("toy-weights",))]


@hookimpl
def mft_optimizers() -> list[Component]:
    """One optimizer."""
    return [Component("toy-signs", "mft_toy.optimizer:Signs", "steps along the sign of the gradient")]


@hookimpl
def mft_makers() -> list[Component]:
    """One maker."""
    return [Component("toy-sums", "mft_toy.maker:Sums", "sums in words, whose answers are known")]
