"""Ways to make instruction data with a language model."""

from __future__ import annotations

from collections.abc import Sequence

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_makers() -> Sequence[Component]:
    """The bundled makers."""
    return [
        Component("exercises", "mft_makers.exercises:Exercises", "knowledge points to exercises with solutions"),
    ]
