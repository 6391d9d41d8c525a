"""Writes docs/cli.md from the command line itself (`make docs`)."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mft_cli.app import PROGRAM, build_app
from mft_cli.commands import COMMANDS, load_command
from mft_core.registry.discovery import discover
from mft_core.registry.plugin_loading import installed_plugins
from mft_core.registry.workspace import Workspace

PAGE = Path(__file__).parent / "cli.md"
HEAD = """# The command line

Written by `docs/generate_cli.py` (`make docs`); do not edit. Installed plugins may add commands: `mft --help` shows
those of your installation.

Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted, 143 terminated after saving.
"""


def page() -> str:
    """docs/cli.md: our commands and those of the bundled plugins, whatever else is installed here."""
    foreign = frozenset(origin.id for origin, _ in installed_plugins() if origin.distribution != PROGRAM)
    group = build_app(discover(Workspace(disabled=foreign)))
    parts = [HEAD, *_section(PROGRAM, group, "COMMAND ...")]
    for name, command in group.commands.items():
        parts += _sections(f"{PROGRAM} {name}", load_command(name) if name in COMMANDS else command)
    return "\n".join(parts)


def _sections(name: str, command: Any) -> Iterator[str]:
    """Of a command, or of each in a group of them."""
    inside = getattr(command, "commands", None)
    if inside is None:
        yield from _section(name, command)
    for inner, its_command in (inside or {}).items():
        yield from _section(f"{name} {inner}", its_command)


def _section(name: str, command: Any, rest: str = "") -> Iterator[str]:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    words = [name, *(["[OPTIONS]"] if options else []), *map(_metavar, arguments), rest]
    yield f"## {name}\n\n```\n{' '.join(filter(None, words))}\n```\n"
    yield f"{inspect.cleandoc(command.help or '')}\n"
    rows = [(_metavar(argument), argument) for argument in arguments]
    rows += [(", ".join((*option.opts, *option.secondary_opts)) + _value(option), option) for option in options]
    lines = [f"| `{left}` | {_cell(parameter)} |" for left, parameter in rows if "completion" not in left]
    yield "\n".join(["| | |", "| --- | --- |", *lines, ""])


def _metavar(argument: Any) -> str:
    name = (argument.metavar or argument.name).strip("[]").upper()
    name += "..." if argument.nargs == -1 else ""
    return name if argument.required else f"[{name}]"


def _value(option: Any) -> str:
    return "" if option.is_flag else f" {option.metavar or option.name.upper()}"


def _cell(parameter: Any) -> str:
    text = " ".join((parameter.help or "").split())
    default = parameter.default
    shown = default is not None and default != () and not isinstance(default, bool) and not callable(default)
    return (text + (f" Default: {default}." if shown else "")).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")
