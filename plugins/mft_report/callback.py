"""A run's curves and its report, drawn while it trains and when it has ended."""

from __future__ import annotations

from mft_core.interfaces import Callback


class Report(Callback):
    """Draws curves.png and report.html from metrics.jsonl, not too often."""

    def after_step(self, step: int) -> None:
        """Draw again where the last drawing is long ago."""
        from mft_report.files import worth_redrawing

        if self._draws and worth_redrawing(self.context.log.run):
            self._draw()

    def close(self) -> None:
        """Draw the run as it ended."""
        if self._draws:
            self._draw()

    @property
    def _draws(self) -> bool:
        return self.context.validation.accelerator.is_main_process

    def _draw(self) -> None:
        from mft_report.files import redraw

        redraw(self.context.log.run)
