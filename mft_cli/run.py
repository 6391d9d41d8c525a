"""`mft run`: the main job."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mft_cli.compose import Flags, compose_recipe, model_name, takes_flags
from mft_cli.messages import everybody_listening
from mft_cli.session import DebugOption, JsonOption, Session
from mft_core.support import run_files

if TYPE_CHECKING:
    from rich.console import Console

    from mft_core.recipe.schema import Recipe
    from mft_core.registry.catalog import Catalog
    from mft_core.registry.discovery import Plugins
    from mft_core.run.folder import RunFolder

RUNS = Path(run_files.RUNS)


@takes_flags
def run(
    context: typer.Context,
    flags: Flags,
    output: Annotated[str | None, typer.Option("--output", metavar="DIR", help="The run folder.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --output, or the newest one.")] = False,
    auto_resume: Annotated[
        bool, typer.Option("--auto-resume", help="Continue the run in --output if it was begun, else begin it.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Resume although the recipe or the data changed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and stop.")] = False,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Fine-tune one model on many tasks at once, and keep the tasks in balance."""
    session: Session = context.obj
    plugins = session.use(flags.plugin)
    resume = resume or (auto_resume and _was_begun(output))
    resumed = _run_to_resume(output) if resume else None
    plugins = plugins.opening(*flags.runs, *([resumed] if resumed else ()))
    chosen = _choose_recipe(flags, output, session, plugins.catalog, resumed)
    from mft_core.run.folder import RunFolder
    from mft_core.run.recipe_check import check_recipe

    check_recipe(chosen, plugins.catalog, begins=not resume)
    folder = RunFolder(Path(chosen.output.dir))
    if dry_run:
        folder.check(resume)
        _plan_only(chosen, plugins, json_output)
        return
    code = _run(chosen, plugins, folder, resume=resume, force=force, json_output=json_output)
    raise typer.Exit(code)


def _choose_recipe(
    flags: Flags, output: str | None, session: Session, catalog: Catalog, resumed: Path | None
) -> Recipe:
    """The recipe asked for; `output.dir` is always set. A resumed run keeps its own but for what flags say."""
    if resumed is None:
        recipe = compose_recipe(flags, session.workspace, catalog)
        folder = Path(output or recipe.output.dir or _default_folder(recipe))
        return recipe.having("output", dir=str(folder.absolute()))
    from mft_core.run.folder import refuse_lost_base, with_recorded_base

    unchanged = resumed / run_files.RECIPE if flags.recipe is None else None
    recipe = with_recorded_base(compose_recipe(flags, session.workspace, catalog, unchanged), resumed)
    if flags.base is None:
        refuse_lost_base(recipe, resumed)
    return recipe.having("output", dir=str(resumed.absolute()))


def _was_begun(output: str | None) -> bool:
    """Whether there is a run in the folder named, for launchers that start the same command again."""
    from mft_core.errors import UsageError
    from mft_core.support.run_folders import is_run

    if output is None:
        raise UsageError("--auto-resume needs --output", "name the run's folder, which has to be the same every time")
    return is_run(Path(output))


def _run_to_resume(output: str | None) -> Path:
    """The folder named, or that of the newest run; there is a run in it."""
    from mft_core.errors import UsageError
    from mft_core.run.folder import newest_run, refuse_no_run

    folder = Path(output) if output else newest_run(RUNS)
    if folder is None:
        raise UsageError(f"no run to resume under {RUNS}/", "name its folder with --output")
    refuse_no_run(folder)
    return folder


def _default_folder(recipe: Recipe) -> Path:
    """runs/MODEL-LOSS-DATE-TIMEZ, in UTC: the same order and no name twice wherever clocks are put back."""
    return (
        RUNS / f"{model_name(recipe)}-{recipe.loss.name.replace('/', '-')}-{datetime.now(timezone.utc):%Y%m%d-%H%M%SZ}"
    )


def _plan_only(recipe: Recipe, plugins: Plugins, json_output: bool) -> None:
    from mft_cli.display import console, show_json
    from mft_cli.plan_view import plan_facts, prepare_shown
    from mft_cli.summary import print_plan

    plan = prepare_shown(recipe, plugins)
    facts = plan_facts(plan)
    if json_output:
        from mft_cli.plan_view import facts_as_json

        show_json(facts_as_json(facts))
    else:
        print_plan(console(), facts)


def _run(recipe: Recipe, plugins: Plugins, folder: RunFolder, *, resume: bool, force: bool, json_output: bool) -> int:
    """Train in a locked folder; returns the exit code."""
    from mft_cli.display import console, show_json, show_warning
    from mft_cli.summary import print_result
    from mft_core.run.results import read_run_facts
    from mft_core.support.ranks import is_main_rank

    screen = console(stderr=json_output)
    if not is_main_rank():
        screen.quiet = True
        return _train(recipe, plugins, folder, screen, resume=resume, force=force)
    folder.open(resume)
    try:
        for difference in folder.check_recipe(recipe, force, True, plugins.catalog) if resume else ():
            show_warning(f"resumed with another recipe: {difference}")
        code = _train(recipe, plugins, folder, screen, resume=resume, force=force)
    finally:
        folder.close()
    facts = read_run_facts(folder.path)
    print_result(screen, replace(facts, warnings=()))  # they have been shown as they came
    if json_output:
        show_json(facts.as_json())
    return code


def _train(recipe: Recipe, plugins: Plugins, folder: RunFolder, screen: Console, *, resume: bool, force: bool) -> int:
    """Plan, say so, train with everybody listening; returns the exit code."""
    from mft_cli.plan_view import plan_facts, prepare
    from mft_cli.summary import print_plan

    with everybody_listening(recipe, plugins, screen) as (progress, listeners):
        plan = prepare(recipe, plugins, progress)
        print_plan(screen, plan_facts(plan))
        from mft_core.run.training import execute

        result = execute(plan, folder, listeners, resume, force=force)
    return result.exit_code
