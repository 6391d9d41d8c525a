"""`mft data make`: instruction data made with a language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft_cli.session import DebugOption, JsonOption, PluginOption, Session

if TYPE_CHECKING:
    from mft_core.making.earlier import Earlier
    from mft_core.making.estimate import Estimate
    from mft_core.making.making import Making
    from mft_core.making.recipe import MakeRecipe

RecipeArgument = Annotated[Path | None, typer.Argument(metavar="[RECIPE.toml]", help="What to make; docs/making.md.")]
MethodOption = Annotated[str | None, typer.Option("--method", metavar="NAME", help="How; `mft list maker`.")]
TopicsOption = Annotated[
    Path | None, typer.Option("--topics", metavar="FILE", help="Of methods that have topics: one on a line.")
]
NumberOption = Annotated[int | None, typer.Option("--n", metavar="N", min=1, help="Records to be made.")]
EndpointOption = Annotated[
    str | None, typer.Option("--endpoint", metavar="URL", help="OpenAI-compatible, such as http://localhost:8000/v1.")
]
ModelOption = Annotated[str | None, typer.Option("--model", metavar="NAME", help="As the endpoint calls it.")]
BaseOption = Annotated[
    str | None, typer.Option("--base", metavar="REF", help="A model on this machine instead: smollm2, a run, ...")
]
BudgetOption = Annotated[
    int | None,
    typer.Option("--budget-tokens", metavar="N", min=0, help="Most tokens of prompts and answers; 0: no limit."),
]
ConcurrencyOption = Annotated[
    int | None, typer.Option("--concurrency", metavar="N", min=1, help="Most questions under way.")
]
OutputOption = Annotated[Path | None, typer.Option("--output", metavar="DIR", help="The task folder.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any key of the recipe, as filters.judge=7; repeatable."),
]
UnsafeLocalOption = Annotated[
    bool, typer.Option("--unsafe-local", help="Where there is no sandbox, run what the model wrote without one.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what it would do and cost, and ask nothing.")]
AskAgainOption = Annotated[
    bool, typer.Option("--ask-again", help="Ask anew what the endpoint or the method refused in earlier calls.")
]
ReplaceOption = Annotated[
    bool, typer.Option("--replace", help="Replace records that were made with other settings, or changed since.")
]
MADE = Path("made")


def make(
    context: typer.Context,
    recipe: RecipeArgument = None,
    method: MethodOption = None,
    topics: TopicsOption = None,
    n: NumberOption = None,
    endpoint: EndpointOption = None,
    model: ModelOption = None,
    base: BaseOption = None,
    budget_tokens: BudgetOption = None,
    concurrency: ConcurrencyOption = None,
    output: OutputOption = None,
    settings: SetOption = None,
    unsafe_local: UnsafeLocalOption = False,
    dry_run: DryRunOption = False,
    ask_again: AskAgainOption = False,
    replace: ReplaceOption = False,
    plugin: PluginOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make a task's data with a language model, check it by running it, and write a folder that `mft run` trains on.

    Interrupted, the same command goes on, and pays for no answer twice.
    """
    session: Session = context.obj
    catalog = session.use(plugin).catalog
    given = {
        "method": method,
        "method.topics": str(topics) if topics else None,
        "n": n,
        "model.endpoint": endpoint,
        "model.name": model,
        "model.base": base,
        "model.budget_tokens": budget_tokens,
        "model.concurrency": concurrency,
        "output": str(output) if output else None,
    }
    from mft_core.data.readers import Readers
    from mft_core.making.making import check_making, expected_cost, open_making, whole_making
    from mft_core.making.recipe_loading import load_make_recipe

    wishes = [(key, value) for key, value in given.items() if value is not None]
    chosen = load_make_recipe(recipe, [*wishes, *_settings(settings or ())], catalog)
    folder = Path(chosen.output) if chosen.output else MADE / chosen.method.name.rpartition("/")[2]
    readers = Readers(catalog)
    prepared = check_making(chosen, catalog, readers)
    earlier = None if replace else whole_making(chosen, folder, prepared)
    if earlier is not None and not ask_again and not (dry_run and json_output):
        _leave(earlier, json_output)
    elif dry_run:
        _dry_run(chosen, folder, expected_cost(chosen, catalog, readers), json_output)
    else:
        with open_making(
            chosen, folder, catalog, readers, unsafe_local=unsafe_local, ask_again=ask_again, replace=replace
        ) as making:
            _make(making, expected_cost(chosen, catalog, readers), json_output)


def _settings(texts: Sequence[str]) -> list[tuple[str, Any]]:
    from mft_core.recipe.loading import parse_setting

    return [parse_setting(text) for text in texts]


def _leave(earlier: Earlier, json_output: bool) -> None:
    """Say that everything is there."""
    from mft_cli.display import console, show_json
    from mft_cli.making_view import print_whole, whole_as_json

    if json_output:
        show_json(whole_as_json(earlier))
    else:
        print_whole(console(), earlier)


def _dry_run(recipe: MakeRecipe, folder: Path, expected: Estimate, json_output: bool) -> None:
    from mft_cli.display import console, show_json
    from mft_cli.making_view import print_plan

    if json_output:
        show_json({"folder": str(folder), "recipe": recipe.model_dump(mode="json"), "estimate": asdict(expected)})
    else:
        print_plan(console(), recipe, folder, expected)


def _make(making: Making, expected: Estimate, json_output: bool) -> None:
    """Make with progress, and say what came of it."""
    from mft_cli.display import console, show_json
    from mft_cli.making_view import MakingView, as_json, print_journal, print_made, print_plan

    screen = console(stderr=json_output)
    print_plan(screen, making.recipe, making.folder, expected)
    print_journal(screen, making)
    try:
        with MakingView(screen) as view:
            making.author.tell_trouble(view.trouble)
            made = making.run(view.progress)
    except KeyboardInterrupt:
        screen.print(f"interrupted; what was kept so far is in {making.folder}, and the same command goes on")
        raise
    print_made(screen, making, made)
    if json_output:
        show_json(as_json(making, made))
    if not made.kept:
        raise typer.Exit(1)
