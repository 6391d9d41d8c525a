"""`mft init`: a commented recipe to start from."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft_cli.compose import BaseOption, DataOption, Flags, LossOption, ModelOption
from mft_cli.session import DebugOption, PluginOption

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

    from mft_core.registry.catalog import Catalog
    from mft_core.registry.discovery import Plugins

HEADER = """# A recipe for `mft run`. Every key is shown with its default; delete what you do not change.
# `mft check {name}` says what it would do; `mft list` shows what can be named here.
"""
TRIAL_MODEL, TRIAL_STEPS = "--model qwen", "--steps 30"
"""Make a recipe of defaults one that runs: their base is made up for a family, which they leave open; and soon ends."""
TASK_EXAMPLE = """# [[data.tasks]]                    # a task by its files; without train: options of one the data has
# name = "text2code"
# train = "text2code/*.jsonl"       # or .json, .csv, .parquet, ..., a folder, hf:ORG/NAME; relative to this recipe
"""
IN_TASK_EXAMPLE = ("name", "train")
EVALUATOR_EXAMPLE = """# [[eval]]                          # more evaluators at the end; `mft list evaluator`
# name = "loss"
"""


def init(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="[RECIPE.toml]", help="The file to write.")] = Path("recipe.toml"),
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="A configuration of LLaMA-Factory, axolotl, ms-swift, MFTCoder or TRL, to be carried over.",
        ),
    ] = None,
    schema: Annotated[
        bool,
        typer.Option("--schema", help="Print the JSON Schema of recipes, for editors, and write nothing."),
    ] = False,
    importer: Annotated[str, typer.Option(help="What reads it, see `mft list importer`; by default recognised.")] = "",
    data: DataOption = None,
    base: BaseOption = None,
    model: ModelOption = None,
    loss: LossOption = None,
    plugin: PluginOption = None,
    debug: DebugOption = False,
) -> None:
    """Write a commented recipe: with every key and its default, or made of another tool's configuration."""
    from mft_core.errors import UsageError

    flags = Flags(data=data, base=base, model=model, loss=loss)
    if importer and source is None:
        raise UsageError("--importer says what reads the configuration of --from", "give both")
    if source and flags != Flags():
        raise UsageError(
            "--from takes data, model and loss from that configuration: --data, --base, --model and --loss say others",
            "write the recipe without them; then edit it, or give them to `mft check` and `mft run`",
        )
    plugins = context.obj.use(plugin)
    if schema:
        from mft_cli.recipe_schema import schema_text

        if source or flags != Flags():
            raise UsageError(
                "--schema is the same for every recipe", "give it alone: mft init --schema > recipe.schema.json"
            )
        typer.echo(schema_text(plugins.catalog))
        return
    if source:
        text, next_steps = imported(source, importer, plugins), ""
    else:
        values = given_values(flags, path.absolute().parent, plugins.catalog)
        text, next_steps = commented_recipe(path.name, plugins.catalog, values), _what_is_next(path, flags, plugins)
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise UsageError(f"{path} exists already", "give another name, or remove it") from None
    file = shlex.quote(str(path))
    typer.echo(next_steps or f"wrote {path}; read its comments; next: mft check {file}, then mft run {file}")


def given_values(flags: Flags, folder: Path, catalog: Catalog) -> dict[str, Any]:
    """What stands in the recipe in place of defaults, by recipe key.

    Args:
        flags: --data, --base, --model and --loss.
        folder: the recipe's own; what lies below it or beside it is named from there.
        catalog: knows the names.

    Raises:
        UsageError: there is no such model family, base or loss.
    """
    from mft_core.models.recognition import family_named, find_base

    values = dict(flags.overrides())
    family_named(flags.model or "", catalog)
    if flags.loss:
        catalog.get("loss", flags.loss)
    if flags.base:
        name, _ = find_base(flags.base, catalog)
        catalog.get("base", name)
        if not catalog.offers("base", flags.base.partition(":")[0]) and Path(flags.base).expanduser().exists():
            values["model.base"] = _seen_from(folder, Path(flags.base).expanduser().absolute())
    if values.get("data.path"):
        values["data.path"] = _seen_from(folder, Path(values["data.path"]))
    return values


def _seen_from(folder: Path, place: Path) -> str:
    """Relative where the two may be moved together."""
    if place.is_relative_to(folder):
        return place.relative_to(folder).as_posix()
    return f"../{place.name}" if place.parent == folder.parent else str(place)


def _what_is_next(path: Path, flags: Flags, plugins: Plugins) -> str:
    """The commands that come next, with the flags that the recipe leaves open, and what else to set."""
    from mft_core.models.recognition import find_base
    from mft_core.recipe.schema import ModelSection

    base, _ = find_base(flags.base or ModelSection().base, plugins.catalog)
    made_up = plugins.catalog.build("base", base).random_weights
    trial = [TRIAL_MODEL] * (made_up and not flags.model) + [TRIAL_STEPS] * (not flags.data)
    command = " ".join([shlex.quote(str(path)), *trial])
    lines = [f"wrote {path}; {'to try it' if trial else 'next'}: mft check {command}, then mft run {command}"]
    missing = ["adapter or base under [model]"] * (not flags.base and not flags.model)
    missing += ["path under [data]"] * (not flags.data)
    if missing:
        lines.append(f"to tune a model of yours: set {', and '.join(missing)}")
    return "\n".join(lines)


def imported(source: Path, importer: str, plugins: Plugins) -> str:
    """The TOML text made of another tool's configuration."""
    from mft_core.importing.writing import imported_recipe

    return imported_recipe(source, plugins.catalog, importer)


def commented_recipe(name: str, catalog: Catalog, values: Mapping[str, Any] | None = None) -> str:
    """The TOML text.

    Args:
        name: of its file.
        catalog: has the tuners, whose options stand in [tune].
        values: by recipe key, in place of defaults.
    """
    from mft_core.recipe.choices import LOSS, Section
    from mft_core.recipe.schema import Recipe

    values = values or {}
    parts = [HEADER.format(name=name)]
    for section, field in Recipe.model_fields.items():
        default = field.get_default()
        if section == "loss":
            loss = values.get("loss", LOSS)
            parts.append(f"[loss]\n{_setting('name', loss, f'and its options; `mft show loss.{loss}`')}")
        elif isinstance(default, Section):
            more = _task() if section == "data" else _tuners(catalog) if section == "tune" else ""
            parts.append(f"[{section}]\n" + "".join(_lines(section, type(default), values)) + more)
        else:
            parts.append(EVALUATOR_EXAMPLE)
    return "\n".join(parts)


def _lines(name: str, section: type[BaseModel], values: Mapping[str, Any]) -> list[str]:
    fields = {key: field for key, field in section.model_fields.items() if key != "tasks"}
    return [_line(key, field, values.get(f"{name}.{key}")) for key, field in fields.items()]


def _tuners(catalog: Catalog) -> str:
    """The options of the tuner that is the default; of the others, what they have beside these, commented out."""
    from mft_core.recipe.schema import TuneSection

    chosen = TuneSection().method
    shown = {key: _line(key, field) for key, field in catalog.load("tuner", chosen).Options.model_fields.items()}
    for entry in catalog.of_kind("tuner"):
        fields = {} if entry.missing else catalog.load("tuner", f"{entry.plugin}/{entry.name}").Options.model_fields
        for key, field in fields.items():
            shown.setdefault(key, f"# {_line(key, field).replace('# ', f'# {entry.name}: ', 1)}")
    return "".join(shown.values())


def _task() -> str:
    """A task by its files, all of it commented out."""
    from mft_core.recipe.schema import TaskSection

    others = [_line(key, field) for key, field in TaskSection.model_fields.items() if key not in IN_TASK_EXAMPLE]
    return TASK_EXAMPLE + "".join(f"# {line}" for line in others)


def _line(key: str, field: FieldInfo, value: Any = None) -> str:
    return _setting(key, field.get_default() if value is None else value, field.description or "")


def _setting(key: str, value: Any, comment: str) -> str:
    setting = f"{key} = {_toml_value(value)}"
    return f"{setting:<33} # {comment}\n" if comment else f"{setting}\n"


def _toml_value(value: Any) -> str:
    import tomli_w

    from mft_core.recipe.choices import Choice

    if isinstance(value, list):
        return f"[{', '.join(map(_toml_value, value))}]"  # tomli_w would take several lines
    if isinstance(value, Mapping):  # tomli_w would write a table
        return "{" + ", ".join(f"{key} = {_toml_value(inner)}" for key, inner in value.items()) + "}"
    plain = value.name if isinstance(value, Choice) else value
    return tomli_w.dumps({"value": plain}).removeprefix("value = ").strip()
