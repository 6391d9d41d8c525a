"""`mft list`: what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mft_cli.columns import print_columns
from mft_cli.display import show_json
from mft_cli.session import DebugOption, JsonOption, PluginOption, Session
from mft_core.registry.kinds import KINDS

if TYPE_CHECKING:
    from mft_core.registry.discovery import Plugins

COLUMNS = ("kind", "name", "plugin", "version", "summary", "status")
_COLOURS = {"ok": "green", "unavailable": "yellow", "broken": "red", "disabled": "bright_black"}


def list_components(
    context: typer.Context,
    kind: Annotated[
        str | None,
        typer.Argument(help=f"{', '.join(KINDS)}; none: all."),
    ] = None,
    json_output: JsonOption = False,
    plugin: PluginOption = None,
    debug: DebugOption = False,
) -> None:
    """List every component: models, bases, sources, readers, packers, tuners, losses, evaluators, and the rest.

    Broken and disabled plugins are listed with the reason.
    """
    session: Session = context.obj
    rows = component_rows(session.add_files(plugin), kind)
    if json_output:
        show_json(rows)
    else:
        print_columns(rows, COLUMNS, "summary", _COLOURS)


def component_rows(plugins: Plugins, kind: str | None = None) -> list[dict[str, str]]:
    """One dict with the keys `COLUMNS` per component, of `kind` or of all kinds, then per broken or disabled plugin.

    The summary ends in the component's further names, if it has any.

    A component's status is "ok", or "unavailable" where a module it requires is missing. A broken or disabled plugin
    has the kind "plugin", its id as name, and the reason as summary.
    """
    catalog = plugins.catalog
    rows = []
    for entry in catalog.of_kind(kind) if kind else catalog.entries:
        missing = f" (needs {', '.join(entry.missing)})" if entry.missing else ""
        aliases = f" (also: {', '.join(entry.component.aliases)})" if entry.component.aliases else ""
        values = (entry.kind, entry.name, entry.plugin, entry.version, entry.component.summary + aliases + missing)
        rows.append(dict(zip(COLUMNS, (*values, "unavailable" if missing else "ok"), strict=True)))
    absent = [(plugin.origin, plugin.reason_and_part, "broken") for plugin in plugins.broken]
    absent += [(plugin.origin, plugin.reason, "disabled") for plugin in plugins.disabled]
    for origin, reason, status in absent:
        values = ("plugin", origin.id, origin.id, origin.version, reason)
        rows.append(dict(zip(COLUMNS, (*values, status), strict=True)))
    return rows
