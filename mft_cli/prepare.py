"""`mft prepare`: tokenise and pack now, train later, anywhere, any number of times."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft_cli.compose import Flags, name_of, takes_flags, use_recipe
from mft_cli.display import show_json
from mft_cli.session import DebugOption, JsonOption
from mft_core.errors import UsageError

if TYPE_CHECKING:
    from mft_core.run.plan import Plan

FOLDER = Path("prepared")


@takes_flags
def prepare(
    context: typer.Context,
    flags: Flags,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="DIR", help="New or empty; default: prepared/RECIPE, or MODEL-DATA."),
    ] = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Tokenise and pack a recipe's data into a folder that `mft run` trains from, on this machine or another."""
    chosen, plugins = use_recipe(context.obj, flags)
    if chosen.data.prepared:
        raise UsageError("the recipe reads prepared data already", "to prepare it anew: --set data.prepared=")
    folder = output or FOLDER / name_of(chosen, flags.recipe)
    from mft_core.batching.prepared import refuse_existing
    from mft_core.run.recipe_check import check_recipe

    refuse_existing(folder)
    check_recipe(chosen.having("output", dir=str(folder)), plugins.catalog)
    from mft_cli.plan_view import prepare_shown

    plan = prepare_shown(chosen, plugins)
    facts = _write(plan, folder)
    if json_output:
        show_json(facts)
    else:
        _print(plan, folder, facts)


def _write(plan: Plan, folder: Path) -> dict[str, Any]:
    """Write the folder; returns what it holds, as JSON values."""
    from mft_cli.plan_view import unread_as_json
    from mft_core.batching.prepared import write_prepared
    from mft_core.run.task_data import preparation

    epochs = plan.training.locate(plan.total_steps - 1)[0] + 1
    made_from = preparation(plan.recipe, plan.parts, plan.tokenizer)
    write_prepared(folder, plan.recipe, plan.task_set, plan.training, epochs, made_from)
    table = plan.training.table
    return {
        "folder": str(folder),
        "samples": len(table),
        "tokens": int(table.lengths.sum()),
        "packer": plan.recipe.data.packer.name,
        "rows": [len(plan.training.rows(epoch)) for epoch in range(epochs)],
        "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        "data": {task.name: task.report.as_json() for task in plan.task_set.every},
        "warnings": plan.warnings,
        "unread_files": unread_as_json(plan),
    }


def _print(plan: Plan, folder: Path, facts: dict[str, Any]) -> None:
    from mft_cli.check import print_refused
    from mft_cli.display import console, show_warning
    from mft_core.support import units

    screen = console()
    tokens, size = units.count(facts["tokens"]), units.memory(facts["bytes"])
    rows = ", ".join(units.count(rows) for rows in facts["rows"])
    screen.print(f"{folder}: {facts['samples']:,} training samples, {tokens} tokens, {size}", markup=False)
    screen.print(f"rows per epoch, packed by {facts['packer']}: {rows}", markup=False)
    screen.print(f"train from it: mft run {folder / 'recipe.toml'}", markup=False, soft_wrap=True)
    for warning in plan.warnings:
        show_warning(warning)
    print_refused(plan)
