"""The `mft` command: its commands, those of plugins, and the one place where errors are shown."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any

import typer

from mft_cli.commands import MARKUP, Commands
from mft_cli.compiling import compile_when_called
from mft_cli.quiet import quieten_other_libraries
from mft_cli.session import DebugOption, Session
from mft_cli.streams import as_typed, restart_in_utf8, write_anything
from mft_core import __version__
from mft_core.errors import MftError
from mft_core.registry.discovery import Plugins, discover
from mft_core.registry.workspace import Workspace

PROGRAM = "mft"
INTERRUPTED = 130


def main() -> None:
    """Entry point of the `mft` script: runs the command line and exits with its code."""
    restart_in_utf8()
    # Read when torch is imported: threads that wait by spinning slow each other down tenfold on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    write_anything()
    quieten_other_libraries()
    compile_when_called()
    sys.exit(run_command_line([as_typed(argument) for argument in sys.argv[1:]]))


def run_command_line(arguments: Sequence[str]) -> int:
    """The exit code: 0 done, 1 failed, 2 wrong use, 130 interrupted, or what the command itself exits with."""
    session = None
    try:
        session = Session(discover(Workspace.find()))
        build_app(session.plugins).main(args=list(arguments), prog_name=PROGRAM, obj=session)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last line of defence: no traceback unless asked for
        return _fail(error, debug=session.debug if session else "--debug" in arguments)
    return 0


def build_app(plugins: Plugins) -> Commands:
    """The command line with our commands and those of `plugins`; a plugin whose commands fail is left without."""
    app = typer.Typer(name=PROGRAM, cls=Commands, no_args_is_help=True, rich_markup_mode=MARKUP)
    app.callback()(_mft)
    commands = typer.main.get_command(app)
    assert isinstance(commands, Commands)
    for origin, add_commands in list(plugins.implementations("mft_add_commands")):
        with plugins.commands_isolated(origin):
            commands.commands.update(_plugin_commands(add_commands, commands.commands))
    return commands


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


def _mft(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
    debug: DebugOption = False,
) -> None:
    """Fine-tune one language model on many tasks at once, and keep the tasks in balance."""


def _plugin_commands(add_commands: Callable[..., Any], taken: Collection[str]) -> Mapping[str, Any]:
    """One plugin's commands by name, made in an app of its own: a half-finished or wrong one never reaches ours.

    Raises:
        MftError: a name is one of `taken`.
        Exception: whatever the plugin, or Typer for its commands, raises.
    """
    own = typer.Typer(rich_markup_mode=MARKUP)
    add_commands(app=own)
    try:
        commands = typer.main.get_group(own).commands
    except NameError as error:
        # Under `from __future__ import annotations` Typer looks names up in the module, not in the hook.
        hint = "import what its parameters' annotations name at the top of the module, not inside the hook"
        raise MftError(f"{error}: {hint}") from error
    names = commands.keys() & set(taken)
    if names:
        raise MftError(f"its command {min(names)!r} exists already")
    return commands


def _fail(error: Exception, *, debug: bool) -> int:
    """Show `error`; returns the exit code."""
    from mft_cli.display import show_error, show_traceback

    if debug:
        show_traceback(error)
    if isinstance(error, MftError):
        show_error(error.message, error.hint)
        return error.exit_code
    from mft_core.registry.catalog import describe

    show_error(describe(error), "" if debug else f"Rerun with --debug to see where: {PROGRAM} --debug ...")
    return 1
