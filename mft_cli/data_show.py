"""`mft data show`: samples as the model gets them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft_cli.compose import Flags, takes_data_flags, use_recipe
from mft_cli.session import DebugOption, JsonOption
from mft_core.errors import MftError, UsageError

if TYPE_CHECKING:
    from rich.text import Text

    from mft_core.run.plan import Plan

LEARNED, CONTEXT = "bold green", "dim"
MARKS = ("\u27e6", "\u27e7")
"""Around what is learned, where there are no colours."""


@takes_data_flags
def show_samples(
    context: typer.Context,
    flags: Flags,
    only: Annotated[str, typer.Option("--of", metavar="TASK", help="Samples of this task alone.")] = "",
    count: Annotated[int, typer.Option("--n", min=1, help="Samples of each task.")] = 3,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page too.")] = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show samples as the model gets them: what is learned is marked; with control tokens, weights and origins."""
    chosen, plugins = use_recipe(context.obj, flags)
    from mft_cli.display import console, show_json
    from mft_cli.plan_view import prepare_shown

    plan = prepare_shown(chosen, plugins)
    names = [task.name for task in plan.task_set.every]
    if only and only not in names:
        from mft_core.support.suggestions import did_you_mean

        raise UsageError(f"--of: there is no task {only!r}", did_you_mean(only, names))
    samples = list(_samples(plan, only, count))
    if json_output:
        show_json(samples)
        return
    screen = console()
    for sample in samples:
        screen.print(_shown(sample, marked=not screen.color_system), soft_wrap=True)
    if html is not None:
        _write_page(samples, html)
        screen.print(f"a page of it: {html}", markup=False, soft_wrap=True)


def _samples(plan: Plan, only: str, count: int) -> Iterator[dict[str, Any]]:
    """The first training samples of each task, of a watched one those that are measured, as JSON values."""
    from mft_core.data.sample_view import stretches

    for task in plan.task_set.every:
        store = task.valid if task.sampling.watched else task.train
        for number in range(min(count, len(store)) if only in ("", task.name) else 0):
            sample = store.sample(number)
            parts = stretches(sample, plan.tokenizer)
            yield {
                "task": task.name,
                "origin": store.origin(number),
                "tokens": len(sample.ids),
                "supervised": int(sample.supervised.sum()),
                "parts": [asdict(part) for part in parts],
            }


def _shown(sample: dict[str, Any], marked: bool) -> Text:
    from rich.text import Text

    head = f"{sample['task']}  {sample['origin']}  {sample['tokens']:,} tokens, {sample['supervised']:,} learned\n"
    text = Text(head, "bold")
    for part in sample["parts"]:
        learned = part["weight"] > 0
        before, behind = MARKS if marked and learned else ("", "")
        weight = f"(weight {part['weight']:g})" if learned and part["weight"] != 1 else ""
        text.append(f"{before}{part['text']}{behind}{weight}", LEARNED if learned else CONTEXT)
    return text.append("\n")


def _write_page(samples: list[dict[str, Any]], path: Path) -> None:
    from rich.console import Console

    page = Console(record=True, width=120, file=io.StringIO(), force_terminal=True)
    for sample in samples:
        page.print(_shown(sample, marked=False), soft_wrap=True)
    try:
        page.save_html(str(path))
    except OSError as error:
        raise MftError(f"{path} cannot be written: {error}", "Check the space and the rights there.") from error
