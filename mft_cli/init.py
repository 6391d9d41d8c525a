"""`mft init`: a commented recipe to start from."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft_cli.session import DebugOption, PluginOption

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

    from mft_core.registry.catalog import Catalog
    from mft_core.registry.discovery import Plugins

HEADER = """# A recipe for `mft run`. Every key is shown with its default; delete what you do not change.
# `mft check {name}` says what it would do; `mft list` shows what can be named here.
"""
TRIAL = "--model qwen --steps 30"
"""Makes a recipe of defaults one that runs: their base is made up for a family, which they leave open."""
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
    importer: Annotated[str, typer.Option(help="What reads it, see `mft list importer`; by default recognised.")] = "",
    plugin: PluginOption = None,
    debug: DebugOption = False,
) -> None:
    """Write a commented recipe: with every key and its default, or made of another tool's configuration."""
    from mft_core.errors import UsageError

    if importer and source is None:
        raise UsageError("--importer says what reads the configuration of --from", "give both")
    plugins = context.obj.use(plugin)
    text = imported(source, importer, plugins) if source else commented_recipe(path.name, plugins.catalog)
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise UsageError(f"{path} exists already", "give another name, or remove it") from None
    file = shlex.quote(str(path))
    if source:
        typer.echo(f"wrote {path}; read its comments; next: mft check {file}, then mft run {file}")
        return
    typer.echo(f"wrote {path}; to try it: mft check {file} {TRIAL}, then mft run {file} {TRIAL}")
    typer.echo("to tune a model of yours: set adapter or base under [model], and path under [data]")


def imported(source: Path, importer: str, plugins: Plugins) -> str:
    """The TOML text made of another tool's configuration."""
    from mft_core.importing.writing import imported_recipe

    return imported_recipe(source, plugins.catalog, importer)


def commented_recipe(name: str, catalog: Catalog) -> str:
    """The TOML text.

    Args:
        name: of its file.
        catalog: has the tuners, whose options stand in [tune].
    """
    from mft_core.recipe.schema import Recipe, Section

    parts = [HEADER.format(name=name)]
    for section, field in Recipe.model_fields.items():
        default = field.get_default()
        if section == "loss":
            parts.append('[loss]\nname = "balanced"                 # and its options; `mft show loss.balanced`\n')
        elif isinstance(default, Section):
            more = _task() if section == "data" else _tuners(catalog) if section == "tune" else ""
            parts.append(f"[{section}]\n" + "".join(_lines(type(default))) + more)
        else:
            parts.append(EVALUATOR_EXAMPLE)
    return "\n".join(parts)


def _lines(section: type[BaseModel]) -> list[str]:
    return [_line(key, field) for key, field in section.model_fields.items() if key != "tasks"]


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


def _line(key: str, field: FieldInfo) -> str:
    setting = f"{key} = {_toml_value(field.get_default())}"
    return f"{setting:<34}# {field.description}\n" if field.description else f"{setting}\n"


def _toml_value(value: Any) -> str:
    import tomli_w

    from mft_core.recipe.schema import Choice

    if isinstance(value, list):
        return f"[{', '.join(map(_toml_value, value))}]"  # tomli_w would take several lines
    if value == {}:
        return "{}"  # tomli_w would write a table
    plain = value.name if isinstance(value, Choice) else value
    return tomli_w.dumps({"value": plain}).removeprefix("value = ").strip()
