"""`mft report`: draw the curves and page of a run, or the picture of a comparison, again and show its result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mft_cli.session import AllTasksOption, DebugOption, JsonOption
from mft_core.support import run_files


def report(
    run: Annotated[Path, typer.Argument(help="Folder, as written by `mft run` or `mft compare`.", metavar="RUN")],
    all_tasks: AllTasksOption = False,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Draw curves.png and report.html of a run, or compare.png of a comparison, anew, and show its result."""
    if _is_comparison(run):
        _comparison(run, all_tasks=all_tasks, json_output=json_output)
        return
    from mft_cli.display import console, show_json
    from mft_cli.summary import print_result
    from mft_report.files import CURVES, REPORT, redraw

    facts = redraw(run)
    if json_output:
        files = {"curves": str(run / CURVES), "report": str(run / REPORT)}
        show_json({**facts.as_json(), "files": files})
    else:
        print_result(console(), facts, all_tasks)


def _is_comparison(folder: Path) -> bool:
    """Whether `mft compare` wrote it, finished or not."""
    from mft_report.comparison import OUTCOME

    return (folder / OUTCOME).is_file() or any(folder.glob(f"*/seed-*/{run_files.RECIPE}"))


def _comparison(folder: Path, *, all_tasks: bool, json_output: bool) -> None:
    from mft_cli.compare_view import print_comparison
    from mft_cli.display import console, show_json
    from mft_core.comparison.writing import outcome_as_json, read_affinity, read_outcome
    from mft_report.comparison import PICTURE, draw_comparison

    found, affinity = read_outcome(folder), read_affinity(folder)
    draw_comparison(folder)
    if json_output:
        files = {"picture": str(folder / PICTURE)}
        show_json({**outcome_as_json(found, affinity), "files": files})
    else:
        print_comparison(console(), found, folder, all_tasks, affinity)
