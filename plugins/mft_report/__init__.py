"""curves.png and report.html of every run, compare.png of a comparison, and `mft report` to draw a run again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mft_core.hookspecs import Component, hookimpl

if TYPE_CHECKING:
    import typer

    from mft_core.events import Event


@hookimpl
def mft_callbacks() -> list[Component]:
    """`report`, which every run has unless `train.callbacks` leaves it out."""
    return [Component("report", "mft_report.callback:Report", "curves.png and report.html, drawn while the run trains")]


@hookimpl
def mft_on_event(event: Event) -> None:
    """Draw a comparison when it is complete."""
    if event.name == "compared":
        from mft_report.comparison import draw_comparison

        draw_comparison(event.run)


@hookimpl
def mft_add_commands(app: typer.Typer) -> None:
    """`mft report`."""
    from mft_report.command import report

    app.command()(report)
