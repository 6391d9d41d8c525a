"""`mft data`: look at data before training on it."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mft_cli.compose import Flags, takes_data_flags, use_recipe
from mft_cli.data_make import make
from mft_cli.data_show import show_samples
from mft_cli.session import DebugOption, JsonOption

if TYPE_CHECKING:
    from mft_core.audit.auditing import Audit

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
MOST_SHOWN = 10


@app.callback()
def _data() -> None:
    """Look at data before training on it; make some."""


app.command("show")(show_samples)
app.command("make")(make)


@app.command()
@takes_data_flags
def audit(
    context: typer.Context,
    flags: Flags,
    against: Annotated[
        str,
        typer.Option(metavar="SETS", help="Published sets, by commas: humaneval, mbpp=PATH, or a file of problems."),
    ] = "",
    near: Annotated[float, typer.Option(min=0.1, max=1.0, help="Least share in common of near duplicates.")] = 0.7,
    leak: Annotated[float, typer.Option(min=0.1, max=1.0, help="Least share of a problem that makes a leak.")] = 0.5,
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="What is written.")] = Path("audit.json"),
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Find duplicates in and between tasks, and problems of published sets in them; write audit.json."""
    chosen, plugins = use_recipe(context.obj, flags, of_model=False)
    from mft_cli.display import console, show_json
    from mft_cli.messages import progress_shown
    from mft_core.audit.auditing import Thresholds
    from mft_core.audit.auditing import audit as look_through
    from mft_core.audit.benchmarks import problems_of
    from mft_core.audit.result import as_json, write_audit
    from mft_core.recipe.naming import record_form
    from mft_core.run.components import choose_parts
    from mft_core.run.recipe_check import every_task, wanted

    with ExitStack() as stack:
        progress = None if json_output else stack.enter_context(progress_shown(console(stderr=True)))
        parts = choose_parts(chosen, plugins.catalog)
        tasks = wanted(every_task(chosen, parts, None), chosen)
        names = [name.strip() for name in against.split(",") if name.strip()]
        problems = [problem for name in names for problem in problems_of(name, plugins.catalog, parts.readers)]
        thresholds, form = Thresholds(near, leak), record_form(chosen.data)
        tell = partial(progress.working, total=0) if progress else None
        found = look_through(tasks, parts.readers, problems, thresholds, form=form, on_progress=tell)
    write_audit(found, output)
    if json_output:
        show_json(as_json(found))
        return
    _print(found, len(problems))
    console().print(
        f"all of it: {output}; leave it out of a run: --set data.exclude={output}", markup=False, soft_wrap=True
    )


def _print(found: Audit, problems: int) -> None:
    from rich.table import Table

    from mft_cli.display import console
    from mft_core.audit.result import counts

    screen = console()
    screen.print(
        f"{sum(found.records.values()):,} records of {len({task for task, _ in found.records})} tasks", markup=False
    )
    table = Table("record", "repeats one of", "exact", "near", title="Duplicates", title_justify="left", box=None)
    rows: dict[tuple[str, str], list[int]] = {}
    for row in counts(found):
        key = (f"{row['second']['task']} ({row['second']['side']})", f"{row['first']['task']} ({row['first']['side']})")
        rows.setdefault(key, [0, 0])[not row["exact"]] += row["count"]
    for (second, first), (exact, near) in rows.items():
        table.add_row(second, first, f"{exact:,}", f"{near:,}")
    screen.print(table if rows else "no duplicates")
    for pair in found.pairs[:MOST_SHOWN]:
        screen.print(f"  {pair.share:.0%}  {pair.second.origin}  =  {pair.first.origin}", markup=False, soft_wrap=True)
    if problems:
        leaked = {(leak.hit.problem.of, leak.hit.problem.name) for leak in found.leaks}
        screen.print(f"{len(leaked)} of {problems:,} problems are in {len(found.leaks):,} records", markup=False)
        for leak in found.leaks[:MOST_SHOWN]:
            where = f"{leak.hit.problem.name} ({leak.hit.share:.0%} of its {leak.hit.view})"
            screen.print(f"  {where}  in  {leak.place.origin}", markup=False, soft_wrap=True)
