"""`mft eval`: how good is it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft_cli.eval_endpoint import check_evaluators, is_endpoint, open_endpoint, split_settings
from mft_cli.generate import BaseOption, ModelOption
from mft_cli.names import check_target
from mft_cli.session import AllTasksOption, DebugOption, JsonOption, PluginOption, Session
from mft_core.errors import UsageError
from mft_core.support.unicode_names import as_on_disk

if TYPE_CHECKING:
    from rich.console import Console

    from mft_core.evaluation.evaluator import Evaluator
    from mft_core.registry.catalog import Catalog
    from mft_core.run.evaluation import Evaluated, SamplesFile
    from mft_core.run.evaluation_target import Target

FOLDER = Path("evaluations")
LOSS = "loss"
"""What a run is measured by where nobody says more."""


TargetArgument = Annotated[
    str,
    typer.Argument(
        metavar="[RUN|BASE|endpoint:URL#MODEL]", help="A run folder, what --base takes, or a model behind an endpoint."
    ),
]
OnOption = Annotated[
    str,
    typer.Option("--on", metavar="NAMES", help="Evaluators; default: loss, and the run's. See `mft list evaluator`."),
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Measure on this folder of task folders instead of the run's data."),
]
SamplesOption = Annotated[int | None, typer.Option("--samples", metavar="N", min=1, help="Answers to every problem.")]
TemperatureOption = Annotated[
    float | None, typer.Option("--temperature", metavar="T", min=0.0, help="0: always the likeliest token.")
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=0, help="Only the first N problems of each set.")
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", metavar="DIR", help="Results; an interrupted evaluation there goes on.")
]
SamplesFileOption = Annotated[
    Path | None, typer.Option("--samples-file", metavar="FILE", help='Judge these: {"task_id", "completion"} a line.')
]
RawSamplesOption = Annotated[
    bool, typer.Option("--raw-samples", help="The samples are whole answers: post-process them as the model's own.")
]
AgainstOption = Annotated[
    list[Path] | None,
    typer.Option("--against", metavar="DIR", help="Another evaluation's output, for the radar chart; repeatable."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="eval.NAME.KEY=VALUE", help="An evaluator's option; the endpoint's: endpoint.KEY. Repeatable."
    ),
]
UnsafeLocalOption = Annotated[
    bool, typer.Option("--unsafe-local", help="Where there is no sandbox, run what the model wrote without one.")
]
SharedProcessOption = Annotated[
    bool, typer.Option("--shared-process", help="Also judge where a hostile program could make its tests hold.")
]


def evaluate(
    context: typer.Context,
    target: TargetArgument = "",
    on: OnOption = "",
    samples: SamplesOption = None,
    temperature: TemperatureOption = None,
    limit: LimitOption = None,
    output: OutputOption = None,
    samples_file: SamplesFileOption = None,
    raw_samples: RawSamplesOption = False,
    against: AgainstOption = None,
    model: ModelOption = "",
    base: BaseOption = "",
    data: DataOption = None,
    settings: SetOption = None,
    unsafe_local: UnsafeLocalOption = False,
    shared_process: SharedProcessOption = False,
    plugin: PluginOption = None,
    all_tasks: AllTasksOption = False,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Measure a run's model, an untuned base, a model behind an endpoint, or anybody's samples.

    Untrusted code runs in a sandbox only. Scores carry their interval, and a protocol that must be equal for two of
    them to be comparable.
    """
    session: Session = context.obj
    catalog = session.use(plugin).opening(Path(target)).catalog
    _check_names(target, on, model, base, catalog)
    _check_data(data, target)
    from mft_cli.display import console, print_line
    from mft_core.evaluation.score_file import read_results
    from mft_core.recipe.loading import parse_setting
    from mft_core.run.evaluation import SamplesFile
    from mft_core.run.evaluation_target import Target

    others = [read_results(folder) for folder in against or ()]
    pairs = [parse_setting(text) for text in settings or ()]
    flags = {"samples": samples, "temperature": temperature, "limit": limit, "unsafe_local": unsafe_local or None}
    flags["shared_process"] = shared_process or None
    if is_endpoint(target):
        folder = output or _default_folder(target, None)
        local = {"--model": model, "--base": base, "--data": data, "--samples-file": samples_file}
        own, pairs = split_settings(pairs)
        with closing(open_endpoint(target, own, folder, local)) as endpoint:
            check_evaluators(_names(on), catalog)
            evaluators = _choose(on, None, catalog, pairs, flags, judged=False)
            told = f"asking {endpoint.reference}; interrupted, it goes on with --output {folder}"
            print_line(console(stderr=json_output), told)
            _run(evaluators, endpoint, None, folder, others, all_tasks=all_tasks, json_output=json_output)
        return
    opened = Target(target, catalog, model, base, data) if target else None
    evaluators = _choose(on, opened, catalog, pairs, flags, judged=samples_file is not None)
    given = SamplesFile(samples_file, raw_samples) if samples_file else None
    folder = output or _default_folder(target, opened)
    _run(evaluators, opened, given, folder, others, all_tasks=all_tasks, json_output=json_output)


def _check_names(target: str, on: str, family: str, base: str, catalog: Catalog) -> None:
    """Refuse a model, a family or an evaluator that there is not, before anything slow is imported."""
    if target and not is_endpoint(target):
        check_target(target, family, catalog, base)
    for name in _names(on):
        catalog.get("evaluator", name)


def _check_data(data: Path | None, target: str) -> None:
    if data is None:
        return
    if not target:
        raise UsageError("--data: nothing is measured on it", "Name the run folder or the base to measure, too.")
    if not as_on_disk(data.expanduser()).is_dir():
        raise UsageError(f"--data {data} is not a folder.", "Give a folder of task folders, as to `mft run --data`.")


def _choose(
    on: str,
    target: Target | None,
    catalog: Catalog,
    settings: Sequence[tuple[str, Any]],
    flags: Mapping[str, Any],
    *,
    judged: bool,
) -> dict[str, Evaluator]:
    """The evaluators asked for, with the options of the run's recipe, of `--set` and of the flags that were given.

    Without a wish they are the losses, where there are tasks to measure and no samples are judged, and the recipe's.
    """
    from mft_core.run.evaluation import choose_evaluators

    choices = target.recipe.eval if target and target.recipe else []
    losses = [LOSS] if target and target.has_tasks and not judged else []
    names = _names(on) or list(dict.fromkeys([*losses, *(choice.name for choice in choices)]))
    if not names:
        hint = "Say it: --on humaneval,mbpp; `mft list evaluator` shows them. Or --data DIR: the losses on its tasks."
        raise UsageError("which evaluators?", hint)
    return choose_evaluators(
        names,
        catalog,
        {choice.name: choice.options for choice in choices},
        settings,
        {key: value for key, value in flags.items() if value is not None},
    )


def _names(on: str) -> list[str]:
    return [name.strip() for name in on.split(",") if name.strip()]


def _default_folder(target: str, opened: Target | None) -> Path:
    when = f"{datetime.now(timezone.utc):%Y%m%d-%H%M%SZ}"
    if opened and opened.recipe:
        return opened.folder / FOLDER / when
    return FOLDER / f"{Path(target).name.rpartition('#')[2].replace(':', '-') or 'samples'}-{when}"


def _run(
    evaluators: dict[str, Evaluator],
    target: Evaluated | None,
    samples: SamplesFile | None,
    folder: Path,
    others: Sequence[dict[str, Any]],
    *,
    all_tasks: bool,
    json_output: bool,
) -> None:
    """Evaluate with progress; print and draw what came out."""
    from mft_cli.display import console, show_json
    from mft_cli.eval_view import EvaluationView, print_scores
    from mft_core.evaluation.score_file import as_row
    from mft_core.run.evaluation import evaluate as evaluate_all
    from mft_core.support.ranks import is_main_rank

    screen = console(stderr=json_output)
    screen.quiet = not is_main_rank()
    with EvaluationView(screen) as view:
        outcome = evaluate_all(evaluators, target, folder, samples, view.progress, view.notice)
    if not is_main_rank():
        return
    print_scores(screen, outcome.scores, folder, all_tasks)
    _draw(folder, others, screen)
    if json_output:
        show_json({"results": [as_row(score) for score in outcome.scores]})


def _draw(folder: Path, others: Sequence[dict[str, Any]], screen: Console) -> None:
    """The radar chart, where there is something to compare with."""
    if not others:
        return
    from mft_cli.radar import FEWEST_AXES, FILE, draw_radar, shares
    from mft_core.evaluation.score_file import read_results

    mine = read_results(folder)
    models = [(facts["name"], shares(facts["results"])) for facts in (mine, *others)]
    if draw_radar(models, folder / FILE):
        screen.print(f"drawn: {folder / FILE}", soft_wrap=True)
    else:
        screen.print(f"no radar chart: these results have fewer than {FEWEST_AXES} measures in common", style="yellow")
