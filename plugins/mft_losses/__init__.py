"""Multi-task objectives."""

from __future__ import annotations

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_losses() -> list[Component]:
    return [
        Component("balanced", "mft_losses.balanced:Balanced", "every task counts equally (MFTCoder, equation 1)"),
        Component("mixed", "mft_losses.mixed:Mixed", "every token counts equally: the mean all other tools train"),
        Component("famo", "mft_losses.famo:Famo", "tasks whose validation loss falls slowly gain weight (FAMO)"),
    ]
