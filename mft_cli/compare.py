"""`mft compare`: does learning many tasks at once pay, and which loss serves which task?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft_cli.compare_beside import Beside, JobsOption, RayOption, carry_out_beside
from mft_cli.compose import Flags, compose_recipe, name_of, takes_flags
from mft_cli.display import show_json
from mft_cli.messages import everybody_listening, progress_shown
from mft_cli.session import DebugOption, JsonOption, Session
from mft_core.errors import UsageError
from mft_core.support import run_files
from mft_core.support.unicode_names import composed

if TYPE_CHECKING:
    from rich.console import Console

    from mft_core.comparison.arm import Arm
    from mft_core.comparison.arms import ArmRun, Request
    from mft_core.comparison.preparing import Prepared
    from mft_core.comparison.runs import RunState
    from mft_core.events import Listener
    from mft_core.registry.catalog import Catalog
    from mft_core.registry.discovery import Plugins

ARMS = ("single", "mixed", "balanced", "famo")
REFERENCES = ("single", "mixed")
"""What a loss that is asked for with --loss is compared with, where --arms says nothing."""
OUTPUTS = Path(run_files.RUNS)
LOSS_OPTION = "loss."


@takes_flags
def compare(
    context: typer.Context,
    flags: Flags,
    arms: Annotated[
        str | None,
        typer.Option(
            "--arms",
            metavar="ARMS",
            help="single (each task alone), merged (those combined), mix (proportions found by small runs) and losses, "
            "each NAME[ OPTION=VALUE...]; default: single,mixed,balanced,famo, or single,mixed,LOSS.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", min=1, help="Each arm is trained with N seeds.")] = 3,
    unseen: Annotated[
        list[str] | None,
        typer.Option("--unseen", metavar="NAME[=PATH]", help="A task that is measured and not trained; repeatable."),
    ] = None,
    affinity: Annotated[
        bool, typer.Option("--affinity", help="Measure which tasks help or hinder which, in the arms on all tasks.")
    ] = False,
    output: Annotated[
        str | None,
        typer.Option("--output", metavar="DIR", help="Default: runs/compare-RECIPE, or runs/compare-MODEL-DATA."),
    ] = None,
    jobs: JobsOption = 1,
    ray: RayOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Train each task alone, all tasks mixed, and balanced, on equal budgets; one table with intervals.

    Called again, it goes on: finished runs in the output folder are kept, interrupted ones continued; more arms or
    seeds may be added later.
    """
    session: Session = context.obj
    others, of_losses = _part_settings(flags.settings or [])
    from mft_core.comparison.arm_kinds import arm_losses
    from mft_core.comparison.arm_recipes import check_arm_recipes
    from mft_core.comparison.arms import Request, check_unseen, refuse_no_comparison
    from mft_core.run.recipe_check import check_recipe

    given = Path(output).glob("*/seed-*") if output else ()
    plugins = session.use(flags.plugin).opening(*flags.runs, *given)
    recipe = compose_recipe(replace(flags, settings=others), session.workspace, plugins.catalog)
    folder = Path(output or OUTPUTS / f"compare-{name_of(recipe, flags.recipe)}").absolute()
    opened = [*flags.runs, *folder.glob("*/seed-*")]
    plugins = plugins.opening(*opened)
    beside = Beside(jobs, [path.absolute() for path in flags.plugin or ()], opened, ray)
    named = _arms(arms, flags.loss, plugins.catalog)
    check_arm_recipes(named, recipe, plugins.catalog)
    names = check_recipe(recipe.having("output", dir=str(folder)), plugins.catalog)
    refuse_no_comparison(folder)
    of_recipe, elsewhere = _part_unseen(unseen or [])
    if names:
        check_unseen(of_recipe, names)
    measured = recipe.having("output", affinity=True) if affinity else recipe
    request = Request(measured, named, seeds, of_recipe, of_losses, folder)
    arm_losses(request, plugins.catalog)  # a wrong option of a loss shows before anything slow is imported
    raise typer.Exit(_compare(request, elsewhere, plugins, beside, json_output=json_output))


def _arms(given: str | None, loss: str | None, catalog: Catalog) -> tuple[Arm, ...]:
    """The arms that --arms names; without it, the usual ones, or those that show what --loss is good for.

    Raises:
        UsageError: one is unknown; both are given, and no arm is trained with the loss.
    """
    from mft_core.comparison.arm import parse_arms
    from mft_core.comparison.arm_kinds import check_arms

    if given is None:
        return check_arms(parse_arms(",".join([*REFERENCES, loss] if loss else ARMS)), catalog)
    arms = check_arms(parse_arms(given), catalog)
    if loss and catalog.get("loss", loss) not in [catalog.find("loss", arm.name) for arm in arms]:
        raise UsageError(
            f"--loss {loss}: no arm of --arms {given} is trained with it",
            f"add it: --arms {given},{loss}; or leave --loss out",
        )
    return arms


def _part_unseen(unseen: Sequence[str]) -> tuple[tuple[str, ...], list[tuple[str, Path]]]:
    """Of --unseen: names of tasks of the recipe, and (name, path) of those from elsewhere."""
    pairs = [text.partition("=") for text in unseen]
    of_recipe = tuple(composed(name) for name, equals, _ in pairs if not equals)
    return of_recipe, [(name, Path(where).expanduser().absolute()) for name, equals, where in pairs if equals]


def _part_settings(settings: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Of --set: what is the same for all arms, as it was given, and the losses' options."""
    from mft_core.recipe.loading import as_tables, parse_setting

    parsed = [(text, *parse_setting(text)) for text in settings]
    others = [text for text, key, _ in parsed if not _is_loss_option(key)]
    return others, as_tables({key.removeprefix(LOSS_OPTION): value for _, key, value in parsed if _is_loss_option(key)})


def _is_loss_option(key: str) -> bool:
    return key.startswith(LOSS_OPTION) and key != "loss.name"


def _compare(
    request: Request, elsewhere: list[tuple[str, Path]], plugins: Plugins, beside: Beside, *, json_output: bool
) -> int:
    """Prepare, train what is missing, and report; returns the exit code."""
    from mft_cli.display import console
    from mft_cli.plan_view import plan_facts, prepare
    from mft_cli.summary import print_plan
    from mft_core.comparison.preparing import prepare_comparison
    from mft_core.support.ranks import is_main_rank

    screen = console(stderr=json_output)
    screen.quiet = not is_main_rank()
    with progress_shown(screen) as progress:
        prepared = prepare_comparison(
            request, elsewhere, plugins.catalog, lambda it: prepare(it, plugins, progress), progress.tokenizing
        )
    what = f"{', '.join(request.labels)}; {request.seeds} seed{'s' * (request.seeds != 1)} each"
    print_plan(
        screen, replace(plan_facts(prepared.plan), loss=what, loss_options={}, probe=None, output=request.output)
    )
    waiting = _waiting(prepared, plugins, screen)
    if beside and waiting:
        code = carry_out_beside([run for run, _ in waiting], request, elsewhere, beside, screen)
    else:
        code = _train(waiting, prepared, plugins, screen)
    if code:
        screen.print("not finished; the same command goes on from here", style="yellow")
        return code
    return _report(request, prepared, plugins, screen, json_output=json_output)


def _waiting(prepared: Prepared, plugins: Plugins, screen: Console) -> list[tuple[ArmRun, RunState]]:
    """Measure the base, and say which runs are not finished."""
    from mft_core.support.ranks import process_state

    process_state().wait_for_everyone()  # all ranks have seen the same folders before any of them is written to
    _measure_base(prepared, plugins, screen)
    waiting = [(run, state) for run, state in prepared.runs if not state.finished]
    if len(waiting) < len(prepared.runs):
        screen.print(f"{len(prepared.runs) - len(waiting)} of {len(prepared.runs)} runs are finished already")
    return waiting


def _train(waiting: Sequence[tuple[ArmRun, RunState]], prepared: Prepared, plugins: Plugins, screen: Console) -> int:
    """Carry out runs one after another; returns the exit code of the last one."""
    for number, (run, state) in enumerate(waiting, 1):
        going_on = " (going on)" if state.begun else ""
        screen.print(f"[bold]run {number} of {len(waiting)}[/bold]: {run.label}{going_on}")
        code = train_one(run, prepared, plugins, screen, begun=state.begun)
        if code:
            return code
    return 0


def _measure_base(prepared: Prepared, plugins: Plugins, screen: Console) -> None:
    from mft_core.comparison.runs import base_losses

    with progress_shown(screen):
        base_losses(prepared.base, prepared.plan, prepared.unseen, plugins.catalog)


def train_one(
    run: ArmRun,
    prepared: Prepared,
    plugins: Plugins,
    screen: Console,
    *,
    begun: bool,
    more_listeners: Mapping[str, Listener] | None = None,
) -> int:
    """One run with everybody listening, `more_listeners` too; returns the exit code."""
    from mft_cli.plan_view import prepare
    from mft_core.comparison.mixture import resolved
    from mft_core.comparison.runs import FIRST_EVALUATIONS, carry_out
    from mft_core.data.tasks import TaskSet

    run = resolved(run)
    with everybody_listening(run.recipe, plugins, screen) as (progress, listeners):
        plan = prepare(run.recipe, plugins, progress)
        unseen = prepared.unseen if run.measures_unseen else TaskSet(())
        listeners = {**listeners, **(more_listeners or {})}
        first = prepared.base.folder / FIRST_EVALUATIONS
        return carry_out(run, plan, unseen, listeners, begun=begun, first=first).exit_code


def _report(request: Request, prepared: Prepared, plugins: Plugins, screen: Console, *, json_output: bool) -> int:
    """Write and print what came out; returns the exit code."""
    from mft_cli.compare_view import print_comparison
    from mft_core.comparison.affinity import gather_affinity
    from mft_core.comparison.outcome import gather
    from mft_core.comparison.runs import base_losses
    from mft_core.comparison.writing import outcome_as_json, write_outcome
    from mft_core.support.ranks import is_main_rank

    if not is_main_rank():
        return 0
    base = base_losses(prepared.base, prepared.plan, prepared.unseen, plugins.catalog)
    runs = [run for run, _ in prepared.runs]
    comparison = gather(
        runs,
        base,
        prepared.importance,
        prepared.unseen.names,
        request.reference,
        request.labels,
        prepared.remarks,
    )
    affinity = gather_affinity(runs)
    write_outcome(comparison, request.output, plugins.listeners(), affinity)
    print_comparison(screen, comparison, request.output, affinity=affinity)
    if json_output:
        show_json(outcome_as_json(comparison, affinity))
    return 0
