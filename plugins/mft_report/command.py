"""`mft report`: draw a run's curves and page again and show its result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mft_cli.session import DebugOption, JsonOption


def report(
    run: Annotated[Path, typer.Argument(help="Run folder, as written by `mft run`.", metavar="RUN")],
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Draw curves.png and report.html of a run from its metrics.jsonl, and show its result."""
    from mft_cli.display import console, show_json
    from mft_cli.summary import print_result
    from mft_report.files import CURVES, REPORT, redraw

    facts = redraw(run)
    if json_output:
        files = {"curves": str(run / CURVES), "report": str(run / REPORT)}
        show_json({**facts.as_json(), "files": files})
    else:
        print_result(console(), facts)
