"""`mft compare`: does learning many tasks at once pay, and which loss serves which task?"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft_cli.compose import Flags, OutputOption, SetOption, compose_recipe
from mft_cli.messages import progress_shown
from mft_cli.session import DebugOption, JsonOption, PluginOption, Session

if TYPE_CHECKING:
    from rich.console import Console

    from mft_core.comparison.arms import ArmRun, Request
    from mft_core.comparison.preparing import Prepared
    from mft_core.events import Listener
    from mft_core.registry.discovery import Plugins

ARMS = "single,mixed,balanced,famo"
OUTPUTS = Path("runs")
LOSS_OPTION = "loss."


def compare(
    context: typer.Context,
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE.toml", help="The recipe all arms share.")],
    arms: Annotated[
        str, typer.Option("--arms", metavar="NAMES", help="single (each task alone) and losses, see `mft list loss`.")
    ] = ARMS,
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", min=1, help="Each arm is trained with N seeds.")] = 3,
    unseen: Annotated[
        list[str] | None,
        typer.Option("--unseen", metavar="NAME[=PATH]", help="A task that is measured and not trained; repeatable."),
    ] = None,
    output: OutputOption = None,
    settings: SetOption = None,
    plugin: PluginOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what is in --output. Always so; the flag only says it.")
    ] = False,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Train each task alone, all tasks mixed, and balanced, on equal budgets; one table with intervals.

    Finished runs in the output folder are kept and interrupted ones continued; more arms or seeds may be added later.
    """
    session: Session = context.obj
    plugins = session.use(plugin)
    request, elsewhere = _request(recipe, arms, seeds, unseen or [], output, settings or [], session)
    raise typer.Exit(_compare(request, elsewhere, plugins, json_output=json_output))


def _request(
    path: Path, arms: str, seeds: int, unseen: list[str], output: str | None, settings: list[str], session: Session
) -> tuple[Request, list[tuple[str, Path]]]:
    """What is asked for, and the unseen tasks that come from elsewhere."""
    from mft_core.comparison.arms import Request, check_arms
    from mft_core.recipe.loading import parse_setting

    parsed = [(text, *parse_setting(text)) for text in settings]
    own = {key: value for _, key, value in parsed if _is_loss_option(key)}
    others = [text for text, key, _ in parsed if not _is_loss_option(key)]
    pairs = [name.partition("=") for name in unseen]
    request = Request(
        recipe=compose_recipe(path, Flags(settings=others), session.workspace),
        arms=check_arms(arms.split(","), session.plugins.catalog),
        seeds=seeds,
        unseen=tuple(name for name, equals, _ in pairs if not equals),
        loss_options=_nested(own),
        output=Path(output or OUTPUTS / f"compare-{path.stem}").absolute(),
    )
    return request, [(name, Path(where).expanduser().absolute()) for name, equals, where in pairs if equals]


def _is_loss_option(key: str) -> bool:
    return key.startswith(LOSS_OPTION) and key != "loss.name"


def _nested(settings: dict[str, Any]) -> dict[str, Any]:
    """{"loss.alpha.repair": 2} -> {"alpha": {"repair": 2}}."""
    options: dict[str, Any] = {}
    for key, value in settings.items():
        *tables, last = key.removeprefix(LOSS_OPTION).split(".")
        table = options
        for name in tables:
            table = table.setdefault(name, {})
        table[last] = value
    return options


def _compare(request: Request, elsewhere: list[tuple[str, Path]], plugins: Plugins, *, json_output: bool) -> int:
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
    what = f"{', '.join(request.arms)}; {request.seeds} seed{'s' * (request.seeds != 1)} each"
    print_plan(
        screen, replace(plan_facts(prepared.plan), loss=what, loss_options={}, probe=None, output=request.output)
    )
    return _train(prepared, plugins, screen) or _report(request, prepared, plugins, screen, json_output=json_output)


def _train(prepared: Prepared, plugins: Plugins, screen: Console) -> int:
    """Carry out the runs that are not finished, one after another; returns the exit code of the last one."""
    from mft_core.support.ranks import process_state

    process_state().wait_for_everyone()  # all ranks have seen the same folders before any of them is written to
    _measure_base(prepared, screen)
    waiting = [(run, state) for run, state in prepared.runs if not state.finished]
    if len(waiting) < len(prepared.runs):
        screen.print(f"{len(prepared.runs) - len(waiting)} of {len(prepared.runs)} runs are finished already")
    for number, (run, state) in enumerate(waiting, 1):
        going_on = " (going on)" if state.begun else ""
        screen.print(f"[bold]run {number} of {len(waiting)}[/bold]: {run.label}{going_on}")
        code = _train_one(run, prepared, plugins, screen, begun=state.begun)
        if code:
            screen.print("stopped; the same command goes on from here", style="yellow")
            return code
    return 0


def _measure_base(prepared: Prepared, screen: Console) -> None:
    from mft_core.comparison.runs import base_losses

    with progress_shown(screen):
        base_losses(prepared.base, prepared.plan, prepared.unseen)


def _train_one(run: ArmRun, prepared: Prepared, plugins: Plugins, screen: Console, *, begun: bool) -> int:
    """One run with everybody listening; returns the exit code."""
    from mft_cli.plan_view import prepare
    from mft_core.comparison.runs import carry_out
    from mft_core.data.tasks import TaskSet
    from mft_core.run.tracking import Trackers

    with progress_shown(screen) as progress, ExitStack() as cleanup:
        listeners: dict[str, Listener] = {**plugins.listeners(), "progress": progress}
        if run.recipe.output.trackers and not screen.quiet:
            trackers = Trackers(run.recipe.output.trackers, run.folder)
            cleanup.callback(trackers.close)
            listeners["trackers"] = trackers
        plan = prepare(run.recipe, plugins, progress)
        unseen = TaskSet(()) if run.task else prepared.unseen
        return carry_out(run, plan, unseen, listeners, begun=begun).exit_code


def _report(request: Request, prepared: Prepared, plugins: Plugins, screen: Console, *, json_output: bool) -> int:
    """Write and print what came out; returns the exit code."""
    from mft_cli.compare_view import print_comparison
    from mft_core.comparison.outcome import gather
    from mft_core.comparison.runs import base_losses
    from mft_core.comparison.writing import write_outcome
    from mft_core.support.ranks import is_main_rank

    if not is_main_rank():
        return 0
    base = base_losses(prepared.base, prepared.plan, prepared.unseen)
    runs = [run for run, _ in prepared.runs]
    comparison = gather(runs, base, prepared.importance, prepared.unseen.names, request.reference)
    write_outcome(comparison, request.output, plugins.listeners())
    print_comparison(screen, comparison, request.output)
    if json_output:
        typer.echo(json.dumps(comparison.as_json(), indent=1))
    return 0
