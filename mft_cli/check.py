"""`mft check`: everything about a recipe that can be known without loading weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft_cli.check_lengths import print_lengths, refuse_other_pictures
from mft_cli.compose import Flags, takes_flags, use_recipe
from mft_cli.session import AllTasksOption, DebugOption, JsonOption

if TYPE_CHECKING:
    from mft_core.registry.catalog import Catalog
    from mft_core.run.memory import MemoryEstimate
    from mft_core.run.plan import Plan

MOST_REFUSED = 15
NO_TASK = "no task"
MEMORY_PARTS = ("weights", "adapters", "gradients", "optimizer", "activations", "gathered", "total")


@takes_flags
def check(
    context: typer.Context,
    flags: Flags,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the lengths and their cost: a .png or .svg file.")
    ] = None,
    all_tasks: AllTasksOption = False,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Check a run beforehand: components, data, lengths, padding of every packer, steps, memory. Loads no weights."""
    refuse_other_pictures(picture)
    chosen, plugins = use_recipe(context.obj, flags)
    from mft_cli.display import console, show_json
    from mft_cli.plan_view import (
        facts_as_json,
        memory_per_method,
        plan_facts,
        prepare_shown,
        unread_as_json,
        without_task_as_json,
    )
    from mft_cli.summary import print_plan
    from mft_core.run.length_costs import length_costs

    plan = prepare_shown(chosen, plugins)
    facts, packers, memory = (
        plan_facts(plan),
        padding_per_packer(plan, plugins.catalog),
        memory_per_method(plan, plugins.catalog),
    )
    lengths = length_costs(plan)
    if picture is not None:
        from mft_cli.length_picture import draw_lengths

        draw_lengths(lengths, picture)
    if json_output:
        reports = {task.name: task.report.as_json() for task in plan.task_set.every}
        more = {"packers": packers, "memory_per_method": [part.as_json() for part in memory], "data": reports}
        more["without_task"] = without_task_as_json(plan)
        more["unread_files"] = unread_as_json(plan)
        more["lengths"] = lengths.as_json() | ({"picture": str(picture)} if picture else {})
        show_json({**facts_as_json(facts), **more})
        return
    print_plan(console(), facts, all_tasks)
    _print_packers(packers)
    print_lengths(lengths)
    _print_memory(memory)
    print_refused(plan)
    if picture is not None:
        console().print(f"lengths, and what they cost: {picture}", markup=False, soft_wrap=True)


def padding_per_packer(plan: Plan, catalog: Catalog) -> list[dict[str, Any]]:
    """Rows, steps and padding of one epoch under every packer there is, with its default options."""
    from mft_core.batching.batch_plan import BatchPlan

    train, repeat, found = plan.recipe.train, plan.task_set.repeat, []
    common = (plan.training.capacity, train.batch_size, train.seed)
    for entry in catalog.of_kind("packer"):
        packer = catalog.build("packer", f"{entry.plugin}/{entry.name}")
        other = BatchPlan(plan.training.table, packer, *common, repeat=repeat)
        epoch = other.epoch(0)
        padding = 1 - other.packing_efficiency(0, train.micro_batch_size)
        found.append({"packer": entry.name, "rows": len(epoch.rows), "steps": epoch.steps, "padding": padding})
    return found


def _print_packers(packers: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from mft_cli.display import console

    table = Table("packer", title="One epoch under every packer", title_justify="left", box=None)
    for heading in ("rows", "steps", "padding"):
        table.add_column(heading, justify="right")
    for found in packers:
        table.add_row(found["packer"], f"{found['rows']:,}", f"{found['steps']:,}", f"{found['padding']:.2%}")
    console().print(table)


def _print_memory(estimates: list[MemoryEstimate]) -> None:
    from rich.table import Table

    from mft_cli.display import console
    from mft_core.support.units import memory

    table = Table("method", title="Expected memory of a step, by tune.method", title_justify="left", box=None)
    spread = any(estimate.gathered for estimate in estimates)
    parts = [part for part in MEMORY_PARTS if spread or part != "gathered"]
    for heading in parts:
        table.add_column(heading, justify="right")
    for estimate in estimates:
        table.add_row(estimate.method, *(memory(estimate.as_json()[part]) for part in parts))
    console().print(table)


def print_refused(plan: Plan) -> None:
    """The first refused records of every task; of many, a few and how many more."""
    from mft_cli.display import show_warning

    tasks = (*plan.task_set.without_task, *plan.task_set.every)
    examples = [f"{task.name or NO_TASK}: {example}" for task in tasks for example in task.report.examples]
    for example in examples[:MOST_REFUSED]:
        show_warning(example)
    refused = [(task.name, task.report.bad_records + task.report.overlong) for task in tasks]
    rest = sum(count for _, count in refused) - MOST_REFUSED
    if rest > 0 and len(examples) > MOST_REFUSED:
        affected = sum(1 for _, count in refused if count)
        show_warning(
            f"{rest:,} more refused records, in {affected} tasks in all; --json counts them by task and reason"
        )
