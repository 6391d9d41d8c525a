"""`mft board`: runs, comparisons and data in the browser, and a place to try models side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mft_core.hookspecs import hookimpl

if TYPE_CHECKING:
    import typer


@hookimpl
def mft_add_commands(app: typer.Typer) -> None:
    """`mft board`."""
    from mft_board.command import board

    app.command()(board)
