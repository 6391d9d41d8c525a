"""`mft export`: a run's result as a standalone model, an adapter, or in the base's own format."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mft_cli.generate import BaseOption
from mft_cli.names import check_target
from mft_cli.session import DebugOption, JsonOption, PluginOption, Session

if TYPE_CHECKING:
    from mft_core.tuning.export import Export


def export(
    context: typer.Context,
    run: Annotated[
        str,
        typer.Argument(metavar="RUN|BASE", help="A run folder, an adapter's folder, or what `mft run --base` takes."),
    ],
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Where the model goes; new or empty.")],
    dtype: Annotated[
        str | None, typer.Option("--dtype", help="float32, bfloat16, float16 or float64; as in the run by default.")
    ] = None,
    format: Annotated[
        str,
        typer.Option(
            "--format", metavar="FORMAT", help="merged: native; adapter: PEFT; original: the base's own keys."
        ),
    ] = "merged",
    base: BaseOption = "",
    plugin: PluginOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write a run's result as a model or adapter for others to use; checked by loading it again.

    Of a base in a format of its own (Qwen v1, Baichuan, ChatGLM) it writes the native model that adapters belong to.
    """
    session: Session = context.obj
    catalog = session.use(plugin).opening(Path(run)).catalog
    check_target(run, "", catalog, base)
    from mft_core.tuning.export import check_request, export_run

    check_request(output, format, dtype is not None)
    from mft_cli.display import console, show_json
    from mft_core.generation.opening import given_base, target_folder
    from mft_core.models.precision import dtype_named
    from mft_core.models.recognition import model_adapters, of_recorded_family

    chosen = dtype_named(dtype) if dtype else None
    folder, moved = target_folder(run, catalog), given_base(base, catalog)
    with of_recorded_family(catalog):
        made = export_run(folder, output, model_adapters(catalog), chosen, format, moved, catalog)
    if json_output:
        show_json({**asdict(made), "folder": str(made.folder)})
        return
    for line in report(made):
        console().print(line, markup=False, highlight=False)


def report(made: Export) -> list[str]:
    """What was written and how true it is, line by line."""
    lines = [f"{made.folder}: {made.format}, {made.parameters:,} parameters in {made.dtype}"]
    lines.append(f"loaded again: logits differ by {made.reload_difference:.1g} (relative to the largest)")
    if made.format != "adapter":
        lines.append(f"merging changed them by {made.merge_difference:.1g} (rounding)")
        if made.quantization:
            lines.append(f"its weights are those of the training: the base's rounded to {made.quantization}, plus LoRA")
    if made.dense_difference is not None:
        lines.append(
            f"it was trained beside {made.quantization} weights; on the base as it is, logits differ by "
            f"{made.dense_difference:.1g}"
        )
    if made.unchanged is not None:
        lines.append(f"{made.unchanged} tensors are the base's bit by bit, {made.changed} were trained")
    return lines
