"""What one call of `mft` knows from the start; commands find it as `context.obj`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mft_core.errors import MftError, UsageError

if TYPE_CHECKING:
    from mft_core.registry.discovery import Plugins
    from mft_core.registry.workspace import Workspace


@dataclass(slots=True)
class Session:
    """The plugins of this process, and whether errors come with their traceback.

    Attributes:
        plugins: discovered once, before the command line was built; `--plugin` files join them.
        debug: set by `--debug`.
    """

    plugins: Plugins
    debug: bool = False

    @property
    def workspace(self) -> Workspace:
        """The nearest plugins.toml."""
        return self.plugins.workspace

    def add_files(self, files: Sequence[Path] | None) -> Plugins:
        """All plugins, those of `--plugin FILE` included, broken ones too: for commands that only look.

        Raises:
            UsageError: there is no such file.
        """
        for path in files or ():
            if not path.is_file():
                raise UsageError(f"--plugin {path}: there is no such file.", "Give the path of a Python file.")
            self.plugins.add_file(path)
        return self.plugins

    def use(self, files: Sequence[Path] | None) -> Plugins:
        """As `add_files`, for commands that work: a broken `--plugin` file fails, other broken plugins are named.

        Raises:
            UsageError: there is no such file.
            MftError: one of the files is broken.
        """
        from mft_cli.display import show_warning

        asked = {str(path.expanduser().resolve()) for path in files or ()}
        for plugin in self.add_files(files).broken:
            if plugin.origin.distribution in asked:
                hint = plugin.traceback or "See docs/plugins.md for what a plugin is."
                raise MftError(f"--plugin {plugin.origin.distribution} cannot be used: {plugin.reason}.", hint)
            what = (
                f"{plugin.part} of plugin {plugin.origin.id!r} are"
                if plugin.part
                else f"plugin {plugin.origin.id!r} is"
            )
            show_warning(f"{what} broken and left out: {plugin.reason} (see `mft doctor`)")
        return self.plugins


def _remember_debug(context: typer.Context, debug: bool) -> bool:
    if debug and isinstance(context.obj, Session):
        context.obj.debug = True
    return debug


DebugOption = Annotated[
    bool, typer.Option("--debug", help="Show the traceback of an error.", callback=_remember_debug, is_eager=True)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs to read.")]
PluginOption = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE", help="A plugin in a single Python file; may be given several times."),
]
AllTasksOption = Annotated[bool, typer.Option("--all-tasks", help="Show every task, however many there are.")]
