"""Command-line flags to a recipe: flags win over the recipe file, it over the defaults in plugins.toml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft_core.errors import UsageError

if TYPE_CHECKING:
    from mft_cli.session import Session
    from mft_core.recipe.schema import Recipe
    from mft_core.registry.discovery import Plugins
    from mft_core.registry.workspace import Workspace

RecipeArgument = Annotated[Path | None, typer.Argument(metavar="[RECIPE.toml]", help="A recipe; see `mft init`.")]
ModelOption = Annotated[str | None, typer.Option("--model", metavar="NAME", help="Model family; `mft list model`.")]
BaseOption = Annotated[
    str | None, typer.Option("--base", metavar="REF", help="tiny, smollm2, a folder or GGUF file, ORG/NAME, pypi:NAME.")
]
LossOption = Annotated[str | None, typer.Option("--loss", metavar="NAME", help="Objective; `mft list loss`.")]
PackerOption = Annotated[str | None, typer.Option("--packer", metavar="NAME", help="`mft list packer`.")]
DataOption = Annotated[str | None, typer.Option("--data", metavar="DIR", help="A folder of task folders.")]
TaskOption = Annotated[
    list[str] | None, typer.Option("--task", metavar="NAME=PATH", help="One task by its files; repeatable.")
]
OutputOption = Annotated[str | None, typer.Option("--output", metavar="DIR", help="The run folder.")]
StepsOption = Annotated[int | None, typer.Option("--steps", metavar="N", help="Optimizer steps.")]
EpochsOption = Annotated[float | None, typer.Option("--epochs", metavar="X", help="Passes over the data.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any key of the recipe; repeatable.")
]


FIRST_TRY_STEPS = 30


@dataclass(frozen=True, slots=True)
class Flags:
    """What was given on the command line; None where it was not."""

    model: str | None = None
    base: str | None = None
    loss: str | None = None
    packer: str | None = None
    data: str | None = None
    tasks: Sequence[str] = ()
    output: str | None = None
    steps: int | None = None
    epochs: float | None = None
    settings: Sequence[str] = ()

    def overrides(self) -> list[tuple[str, Any]]:
        """(recipe key, value), --set last."""
        from mft_core.recipe.loading import parse_setting

        pairs: list[tuple[str, Any]] = [
            ("model.adapter", self.model),
            ("model.base", self.base),
            ("loss", self.loss),
            ("data.packer", self.packer),
            *self._data(),
            ("output.dir", self.output),
            ("train.steps", self.steps),
            ("train.epochs", self.epochs),
        ]
        given = [(key, value) for key, value in pairs if value is not None]
        if self.epochs is not None and self.steps is None:
            given.append(("train.steps", 0))
        return [*given, *(parse_setting(text) for text in self.settings)]

    def _data(self) -> list[tuple[str, Any]]:
        """--data or --task in place of all data that the recipe names."""
        if self.data:
            folder = str(Path(self.data).expanduser().absolute())
            return [("data.prepared", ""), ("data.tasks", []), ("data.source", "auto"), ("data.path", folder)]
        if self.tasks:
            return [("data.prepared", ""), ("data.tasks", [_task(text) for text in self.tasks])]
        return []


def _task(text: str) -> dict[str, str]:
    name, separator, path = text.partition("=")
    if not separator or not name or not path:
        raise UsageError(f"--task {text}: expected NAME=PATH", "for example --task repair=data/repair.jsonl")
    return {"name": name, "train": str(Path(path).expanduser().absolute())}


def compose_recipe(path: Path | None, flags: Flags, workspace: Workspace) -> Recipe:
    """The recipe meant by a file, flags and plugins.toml.

    Raises:
        UsageError: an unknown or ill-typed key, with its file and the nearest right one; --steps with --epochs;
            --data with --task.
    """
    from mft_core.recipe.loading import load_recipe

    if flags.steps and flags.epochs is not None:
        raise UsageError("--steps and --epochs contradict each other", "give one of them")
    if flags.data and flags.tasks:
        raise UsageError("--data and --task contradict each other", "give the folder, or each task by its files")
    return _shorten_first_try(load_recipe(path, flags.overrides(), workspace.defaults, workspace.path))


def use_recipe(
    session: Session, path: Path, settings: Sequence[str] | None, plugin: Sequence[Path] | None
) -> tuple[Recipe, Plugins]:
    """The recipe of a file and `--set`, for a command that takes no other flags, and the plugins it is made with."""
    plugins = session.use(plugin)
    return compose_recipe(path, Flags(settings=settings or ()), session.workspace), plugins


def _shorten_first_try(recipe: Recipe) -> Recipe:
    """Random weights on made-up data, and no word on how long: a first try, which should not take an hour."""
    from mft_core.run.components import STANDARD_LIBRARY, TINY, source_choice

    first_try = recipe.model.base == TINY and source_choice(recipe).name == STANDARD_LIBRARY
    if not first_try or recipe.train.model_fields_set & {"steps", "epochs"}:
        return recipe
    return recipe.model_copy(update={"train": recipe.train.model_copy(update={"steps": FIRST_TRY_STEPS})})
