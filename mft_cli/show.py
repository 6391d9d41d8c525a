"""`mft show`: one component in full."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft_cli.display import show_json
from mft_cli.session import DebugOption, JsonOption, PluginOption, Session

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from mft_core.registry.catalog import Entry
    from mft_core.registry.options import Configurable


def show(
    context: typer.Context,
    component: Annotated[
        str, typer.Argument(metavar="KIND.NAME", help="Such as loss.famo, or loss.mft-losses/famo to name the plugin.")
    ],
    json_output: JsonOption = False,
    plugin: PluginOption = None,
    debug: DebugOption = False,
) -> None:
    """Show one component: what it is, its options with types and defaults, and its source."""
    from mft_core.errors import UsageError
    from mft_core.registry.catalog import load_entry
    from mft_core.registry.kinds import KINDS

    session: Session = context.obj
    kind, dot, name = component.partition(".")
    if not dot or not name:
        raise UsageError(f"{component!r} is not KIND.NAME.", f"As in `mft show loss.famo`. Kinds: {', '.join(KINDS)}.")
    entry = session.add_files(plugin).catalog.get(kind, name)
    description = describe_component(entry, load_entry(entry))
    if json_output:
        show_json(description)
    else:
        _print(description)


def describe_component(entry: Entry, target: type[Configurable]) -> dict[str, Any]:
    """Everything `mft show` tells, as JSON values."""
    import inspect

    file, line = _source(target)
    return {
        "kind": entry.kind,
        "name": entry.name,
        "plugin": entry.plugin,
        "distribution": entry.distribution,
        "version": entry.version,
        "summary": entry.component.summary,
        "status": "ok",
        "aliases": list(entry.component.aliases),
        "requires": list(entry.component.requires),
        "options": [_option(name, field) for name, field in target.Options.model_fields.items()],
        "documentation": inspect.cleandoc(target.__doc__ or ""),
        "target": entry.component.target,
        "file": file,
        "line": line,
    }


def _option(name: str, field: FieldInfo) -> dict[str, Any]:
    from pydantic_core import to_jsonable_python

    from mft_cli.type_words import type_words

    required = field.is_required()
    return {
        "name": name,
        "type": type_words(field.annotation, field.metadata),
        "default": None if required else to_jsonable_python(field.get_default(call_default_factory=True), fallback=str),
        "required": required,
        "description": field.description or "",
    }


def _source(target: type) -> tuple[str, int]:
    """File and line of the class; ("", 0) where Python does not know."""
    import inspect

    try:
        return inspect.getsourcefile(target) or "", inspect.getsourcelines(target)[1]
    except (OSError, TypeError):
        return "", 0


def _print(description: dict[str, Any]) -> None:
    from rich.text import Text

    from mft_cli.display import console

    out = console()
    out.print(Text.assemble((f"{description['kind']}.{description['name']}", "bold"), "  ", description["summary"]))
    out.print(Text(f"plugin   {description['plugin']} {description['version']} ({description['distribution']})"))
    if description["aliases"]:
        out.print(Text(f"aliases  {', '.join(description['aliases'])}"))
    out.print(Text(f"source   {description['file']}:{description['line']}"), soft_wrap=True)
    if description["documentation"]:
        out.print(Text("\n" + description["documentation"]))
    out.print(Text("\noptions" if description["options"] else "\nno options", "bold"))
    if description["options"]:
        _print_options(description["options"])


def _print_options(options: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from mft_cli.display import console

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("name", "type", "default", "description"):
        table.add_column(column, overflow="fold", no_wrap=column == "name")
    for option in options:
        default = "(must be given)" if option["required"] else json.dumps(option["default"], ensure_ascii=False)
        table.add_row(*(Text(text) for text in (option["name"], option["type"], default, option["description"])))
    console().print(table)
