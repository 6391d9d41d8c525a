"""Command-line flags to a recipe: flags win over the recipe file, it over the defaults in plugins.toml."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from mft_cli.session import PluginOption
from mft_core.errors import UsageError
from mft_core.recipe.addresses import address_of
from mft_core.support.unicode_names import composed

if TYPE_CHECKING:
    from mft_cli.session import Session
    from mft_core.recipe.paths import Components
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
DataOption = Annotated[
    str | None, typer.Option("--data", metavar="DIR", help="A folder of task folders, or hf:ORG/NAME.")
]
TaskOption = Annotated[
    list[str] | None,
    typer.Option("--task", metavar="NAME=PATH", help="One task by its files, or hf:ORG/NAME; repeatable."),
]
TaskFieldOption = Annotated[
    str | None, typer.Option("--task-field", metavar="NAME", help="The field that names the task of each record.")
]
ContinueOption = Annotated[
    str | None, typer.Option("--continue", metavar="RUN", help="A run, or an adapter's folder, to be trained further.")
]
StepsOption = Annotated[int | None, typer.Option("--steps", metavar="N", help="Optimizer steps.")]
EpochsOption = Annotated[float | None, typer.Option("--epochs", metavar="X", help="Passes over the data.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any key of the recipe; repeatable.")
]

FIRST_TRY_STEPS = 30
MOST_TASKS_IN_A_NAME = 3
OF_TRAINING = ("continued", "loss", "packer", "steps", "epochs")
"""Flags that say nothing to a command that looks at data alone."""


@dataclass(frozen=True, slots=True)
class Flags:
    """What was given on the command line to a command that works on a recipe; None where it was not.

    The one definition of these flags: `takes_flags` makes a parameter of the command line of every field.
    """

    recipe: RecipeArgument = None
    model: ModelOption = None
    base: BaseOption = None
    continued: ContinueOption = None
    loss: LossOption = None
    packer: PackerOption = None
    data: DataOption = None
    tasks: TaskOption = None
    task_field: TaskFieldOption = None
    steps: StepsOption = None
    epochs: EpochsOption = None
    settings: SetOption = None
    plugin: PluginOption = None

    @property
    def runs(self) -> tuple[Path, ...]:
        """Where the run lies whose recipe was given, if it is one."""
        return (self.recipe.parent,) if self.recipe else ()

    def overrides(self) -> list[tuple[str, Any]]:
        """(recipe key, value) of every wish beside the recipe file, --set last."""
        from mft_core.recipe.loading import parse_setting

        pairs: list[tuple[str, Any]] = [
            ("model.adapter", self.model),
            ("model.base", self.base),
            ("model.adapter_path", self.continued),
            ("loss", self.loss),
            ("data.packer", self.packer),
            *self._data(),
            ("data.task_field", self.task_field),
            ("train.steps", self.steps),
            ("train.epochs", self.epochs),
        ]
        given = [(key, value) for key, value in pairs if value is not None]
        if self.epochs is not None and self.steps is None:
            given.append(("train.steps", 0))
        return [*given, *(parse_setting(text) for text in self.settings or ())]

    def _data(self) -> list[tuple[str, Any]]:
        """--data or --task in place of all data that the recipe names."""
        from mft_core.recipe.choices import AUTO

        if self.data:
            if (address := address_of(self.data)) and not Path(self.data).exists():
                source = {"name": address.source, "address": address.rest}
                return [("data.prepared", ""), ("data.path", ""), ("data.source", source)]
            return [("data.prepared", ""), ("data.path", str(Path(self.data).expanduser().absolute()))]
        if self.tasks:
            tasks = [_task(text) for text in self.tasks]
            return [("data.prepared", ""), ("data.path", ""), ("data.source", AUTO), ("data.tasks", tasks)]
        return []


def takes_data_flags(command: Callable[..., None]) -> Callable[..., None]:
    """`takes_flags` of a command that looks at data alone: without the flags that say how to train on it."""
    return takes_flags(command, without=OF_TRAINING)


def takes_flags(command: Callable[..., None], without: Collection[str] = ()) -> Callable[..., None]:
    """Let a command take every flag of `Flags` on the command line; it gets them as its one parameter `flags`.

    Typer makes options of a function's parameters, by its signature and its annotations: the function returned has
    those of `command`, with one for each field of `Flags` in the place of `flags`.

    Args:
        command: has a parameter `flags`.
        without: fields of `Flags` that the command does not take.
    """
    taken = [field for field in fields(Flags) if field.name not in without]
    shared, own = get_type_hints(Flags, include_extras=True), get_type_hints(command, include_extras=True)
    of_flags = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=shared[field.name]
        )
        for field in taken
    ]
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        its_own = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=own[name])
        parameters += of_flags if name == "flags" else [its_own]

    @functools.wraps(command)
    def with_flags(**given: Any) -> None:
        command(flags=Flags(**{field.name: given.pop(field.name) for field in taken}), **given)

    with_flags.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_flags.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_flags


def compose_recipe(
    flags: Flags, workspace: Workspace, components: Components | None = None, resolved: Path | None = None
) -> Recipe:
    """The recipe meant by flags, a file among them, and plugins.toml.

    Args:
        components: to know which options are paths.
        resolved: a run's own recipe, which the flags change; plugins.toml had its say when that was written.

    Raises:
        UsageError: an unknown or ill-typed key, with its file and the nearest right one; --steps with --epochs;
            --data with --task.
    """
    from mft_core.recipe.loading import load_recipe

    if flags.steps and flags.epochs is not None:
        raise UsageError("--steps and --epochs contradict each other", "give one of them")
    if flags.data and flags.tasks:
        raise UsageError("--data and --task contradict each other", "give the folder, or each task by its files")
    if resolved:
        recipe = load_recipe(resolved, flags.overrides(), components=components)
    else:
        recipe = load_recipe(flags.recipe, flags.overrides(), workspace.defaults, workspace.path, components)
    return _shorten_first_try(_with_data_of_flag(recipe) if flags.data else recipe)


def use_recipe(session: Session, flags: Flags, of_model: bool = True) -> tuple[Recipe, Plugins]:
    """The recipe that flags mean, checked as far as that takes no time, and the plugins it is made with.

    Args:
        of_model: a model will be asked for; False: records alone are looked at.

    Raises:
        UsageError: as `compose_recipe` and `check_recipe`.
        MftError: a `--plugin` file, or a component, cannot be used.
    """
    from mft_core.run.recipe_check import check_recipe

    plugins = session.use(flags.plugin).opening(*flags.runs)
    recipe = compose_recipe(flags, session.workspace, plugins.catalog)
    check_recipe(recipe, plugins.catalog, of_model)
    return recipe, plugins


def name_of(recipe: Recipe, file: Path | None) -> str:
    """What a folder of results is called where the user names none: the recipe's file, else MODEL-DATA."""
    from mft_core.recipe.naming import EXPLICIT_TASKS, FOLDER, source_choice

    if file is not None:
        return file.stem
    data, tasks = source_choice(recipe).name, [task.name for task in recipe.data.tasks]
    if data == EXPLICIT_TASKS:
        data = "-".join(tasks) if len(tasks) <= MOST_TASKS_IN_A_NAME else f"{len(tasks)}-tasks"
    elif data == FOLDER:
        data = composed(Path(recipe.data.path).name)
    return f"{model_name(recipe)}-{data.replace('/', '-')}"


def model_name(recipe: Recipe) -> str:
    """The model in a folder's name: its family if the recipe gives it, else the last part of its base."""
    return recipe.model.adapter.replace("/", "-") or Path(recipe.model.base).name.replace(":", "-")


def _task(text: str) -> dict[str, str]:
    name, separator, path = text.partition("=")
    if not separator or not name or not path:
        raise UsageError(f"--task {text}: expected NAME=PATH", "for example --task repair=data/repair.jsonl")
    place = Path(path).expanduser()
    return {"name": name, "train": path if address_of(path) and not place.exists() else str(place.absolute())}


def _with_data_of_flag(recipe: Recipe) -> Recipe:
    """The recipe without tasks by their files, with its own source for the folder of --data; but the standard library's
    reads no folder."""
    from mft_core.recipe.choices import AUTO, Choice
    from mft_core.recipe.naming import STANDARD_LIBRARY, source_choice

    recipe = recipe.having("data", tasks=[task for task in recipe.data.tasks if not task.train])
    if source_choice(recipe).name.rpartition("/")[2] != STANDARD_LIBRARY:
        return recipe
    return recipe.having("data", source=Choice(name=AUTO))


def _shorten_first_try(recipe: Recipe) -> Recipe:
    """Random weights on made-up data, and no word on how long: a first try, which should not take an hour."""
    from mft_core.recipe.naming import STANDARD_LIBRARY, TINY, source_choice

    first_try = recipe.model.base == TINY and source_choice(recipe).name == STANDARD_LIBRARY
    if not first_try or recipe.train.model_fields_set & {"steps", "epochs"}:
        return recipe
    return recipe.having("train", steps=FIRST_TRY_STEPS)
