"""The commands of `mft`, each imported when it is called: `mft list` need not wait for what `mft run` is made of."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

MARKUP: Final = "markdown"


class Command(NamedTuple):
    """Where a command is, and what the list of commands says of it.

    Attributes:
        target: "module:function", or of a group of commands "module:app", a Typer.
        summary: the first line of the function's docstring; here too, so that the list needs no import.
    """

    target: str
    summary: str


COMMANDS = {
    "run": Command("mft_cli.run:run", "Fine-tune one model on many tasks at once, and keep the tasks in balance."),
    "check": Command(
        "mft_cli.check:check",
        "Check a run beforehand: components, data, lengths, padding of every packer, steps, memory. Loads no weights.",
    ),
    "prepare": Command(
        "mft_cli.prepare:prepare",
        "Tokenise and pack a recipe's data into a folder that `mft run` trains from, on this machine or another.",
    ),
    "compare": Command(
        "mft_cli.compare:compare",
        "Train each task alone, all tasks mixed, and balanced, on equal budgets; one table with intervals.",
    ),
    "data": Command("mft_cli.data:app", "Look at data before training on it; make some."),
    "init": Command(
        "mft_cli.init:init",
        "Write a commented recipe: with every key and its default, or made of another tool's configuration.",
    ),
    "list": Command(
        "mft_cli.listing:list_components",
        "List every component: models, bases, sources, readers, packers, tuners, losses, evaluators, and the rest.",
    ),
    "show": Command(
        "mft_cli.show:show", "Show one component: what it is, its options with types and defaults, and its source."
    ),
    "doctor": Command(
        "mft_cli.doctor:doctor", "Check this installation: versions, devices, plugins and their tracebacks."
    ),
    "chat": Command(
        "mft_cli.chat:chat",
        "Talk with a run's model, or with an untuned base. Piped input is taken as one message a line.",
    ),
    "generate": Command(
        "mft_cli.generate:generate",
        "Answer one message with a run's model, or with an untuned base, laid out as in training.",
    ),
    "eval": Command(
        "mft_cli.eval:evaluate",
        "Measure a run's model, an untuned base, a model behind an endpoint, or anybody's samples.",
    ),
    "export": Command(
        "mft_cli.export:export",
        "Write a run's result as a model or adapter for others to use; checked by loading it again.",
    ),
    "push": Command(
        "mft_cli.push:push", "Push a run's adapter or merged model to the Hugging Face Hub, with a model card."
    ),
}
"""In the order of `mft --help`."""


class Commands(TyperGroup):
    """The group of all commands. Ours stand in it by name and summary alone until one is called or completed."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, command in COMMANDS.items():
            self.add_command(TyperCommand(name, help=command.summary, rich_markup_mode=MARKUP))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that the arguments call, imported now."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name in COMMANDS else command, rest


def load_command(name: str) -> Any:
    """One of `COMMANDS` with its parameters, or with commands of its own, as Typer makes it."""
    module, _, attribute = COMMANDS[name].target.partition(":")
    target = getattr(import_module(module), attribute)
    if isinstance(target, typer.Typer):
        return typer.main.get_group(target)
    alone = typer.Typer(add_completion=False, rich_markup_mode=MARKUP)
    alone.command(name)(target)
    return typer.main.get_command(alone)
