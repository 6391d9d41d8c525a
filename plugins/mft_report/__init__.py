"""curves.png and report.html of every run, compare.png of a comparison, and `mft report` to draw a run again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mft_core.hookspecs import hookimpl

if TYPE_CHECKING:
    import typer

    from mft_core.events import Event


@hookimpl
def mft_on_event(event: Event) -> None:
    """Redraw when there is a new evaluation, and when the run ends; draw a comparison when it is complete."""
    if event.name in ("eval", "end"):
        from mft_report.files import redraw, worth_redrawing

        if event.name == "end" or worth_redrawing(event.run):
            redraw(event.run)
    elif event.name == "compared":
        from mft_report.comparison import draw_comparison

        draw_comparison(event.run)


@hookimpl
def mft_add_commands(app: typer.Typer) -> None:
    """`mft report`."""
    from mft_report.command import report

    app.command()(report)
