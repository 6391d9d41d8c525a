"""`mft export`: a run's result as a standalone model."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mft_cli.session import DebugOption, JsonOption, PluginOption, Session


def export(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, or an adapter's folder.")],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Where the model goes; new or empty.")],
    dtype: Annotated[
        str | None, typer.Option("--dtype", help="float32, bfloat16, float16 or float64; as in the run by default.")
    ] = None,
    plugin: PluginOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write a run's model, adapters merged in, as plain transformers loads it; checked by loading it again."""
    session: Session = context.obj
    catalog = session.use(plugin).catalog
    from mft_cli.display import console
    from mft_core.export import export_run
    from mft_core.modeling import dtype_named, model_adapters, quieten_libraries

    quieten_libraries()
    made = export_run(run, output, model_adapters(catalog), dtype_named(dtype) if dtype else None)
    if json_output:
        typer.echo(json.dumps({**asdict(made), "folder": str(made.folder)}, indent=1))
        return
    screen = console()
    screen.print(f"{made.folder}: {made.parameters:,} parameters in {made.dtype}", markup=False)
    screen.print(f"loaded again with plain transformers: logits differ by {made.reload_difference:.1g}")
    screen.print(f"merging changed them by {made.merge_difference:.1g} (relative to the largest; rounding)")
