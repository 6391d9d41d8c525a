"""`mft board`: what may be typed; the server is imported when it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mft_cli.session import DebugOption, JsonOption

HOST, PORT = "127.0.0.1", 8642


def board(
    folders: Annotated[
        list[Path] | None, typer.Argument(metavar="[FOLDER...]", help="Where runs and data lie; the working folder.")
    ] = None,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")] = HOST,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, metavar="N", help="0: any that is free.")] = PORT,
    no_open: Annotated[bool, typer.Option("--no-open", help="Start no browser.")] = False,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show runs, comparisons and data in the browser, live, and try models side by side."""
    from mft_board.serving import serve

    serve(folders or [Path()], host, port, opens=not (no_open or json_output), as_json=json_output)
