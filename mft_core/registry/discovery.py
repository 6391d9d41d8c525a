"""Finds plugins: installed ones through entry points, local ones from files. A bad one never harms the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pluggy

from mft_core import hookspecs
from mft_core.errors import MftError
from mft_core.hookspecs import API_GROUP, PROJECT
from mft_core.registry.absent import Absent, Recorded, recorded_components
from mft_core.registry.catalog import Catalog, Entry, describe, is_interrupt
from mft_core.registry.kinds import KINDS
from mft_core.registry.plugin_loading import Origin, check_components, check_hooks, installed_plugins, load_file
from mft_core.registry.workspace import Workspace

if TYPE_CHECKING:
    from mft_core.events import Event, Listener


class DisabledPlugin(NamedTuple):
    """A plugin that plugins.toml turns off; it was not imported."""

    origin: Origin
    reason: str


class BrokenPlugin(NamedTuple):
    """A plugin that could not be used; nothing of it is, or nothing of one part.

    Attributes:
        origin: which one.
        reason: what went wrong, in one line.
        traceback: of what the plugin raised; "" where it raised nothing.
        part: what alone is left out, such as "commands"; "": all of it.
    """

    origin: Origin
    reason: str
    traceback: str = ""
    part: str = ""

    @property
    def reason_and_part(self) -> str:
        """The reason, behind the part that it is about if that is not all."""
        return f"{self.part}: {self.reason}" if self.part else self.reason


@dataclass(slots=True)
class Plugins:
    """Every plugin of this process: working, broken or disabled. Made by `discover`.

    Attributes:
        recorded: what the runs were made with that are opened.
    """

    workspace: Workspace
    loaded: dict[str, Origin] = field(default_factory=dict)
    broken: list[BrokenPlugin] = field(default_factory=list)
    disabled: list[DisabledPlugin] = field(default_factory=list)
    recorded: tuple[Recorded, ...] = ()
    _manager: pluggy.PluginManager = field(default_factory=lambda: pluggy.PluginManager(PROJECT))
    _entries: dict[str, list[Entry]] = field(default_factory=dict)

    @property
    def catalog(self) -> Catalog:
        """The components of all working plugins."""
        absent = [Absent(plugin.origin.id, "broken", plugin.reason) for plugin in self.broken if not plugin.part]
        absent += [Absent(plugin.origin.id, "disabled", plugin.reason) for plugin in self.disabled]
        entries = (entry for plugin_entries in self._entries.values() for entry in plugin_entries)
        return Catalog(entries, self.workspace.prefer, absent, self.recorded)

    def opening(self, *runs: Path) -> Plugins:
        """The same for opening runs: what they were made with and is gone is named with the package that had it.

        Args:
            runs: their folders; a path that is no run's adds nothing.
        """
        recorded = dict.fromkeys(component for run in runs for component in recorded_components(run.expanduser()))
        return replace(self, recorded=tuple(recorded))

    @property
    def unknown_ids(self) -> tuple[str, ...]:
        """Ids that plugins.toml disables or pins and that no plugin here has: misspelt, or not installed."""
        return tuple(sorted((self.workspace.disabled | self.workspace.pin.keys()) - {o.id for o in self._origins()}))

    def implementations(self, hook: str) -> Iterator[tuple[Origin, Callable[..., list[Any]]]]:
        """(plugin, caller of that plugin's own implementation of `hook`), by plugin id.

        The caller takes the hook's arguments as keywords and returns a list of the one result (empty for None).
        One by one because, called together, one raising implementation would lose every plugin's result.
        """
        for plugin, origin in sorted(self.loaded.items()):
            caller = self._caller(hook, plugin)
            if caller is not None:
                yield origin, caller

    def listeners(self) -> dict[str, Listener]:
        """plugin id -> its `mft_on_event`, for `mft_core.events.EventLog`."""
        return {origin.id: _listener(call) for origin, call in self.implementations("mft_on_event")}

    @contextmanager
    def isolated(self, origin: Origin) -> Iterator[None]:
        """Whatever goes wrong inside makes this plugin broken and is raised no further; Ctrl-C alone is."""
        with _reported(lambda reason, details: self._drop(origin, reason, details)):
            yield

    @contextmanager
    def commands_isolated(self, origin: Origin) -> Iterator[None]:
        """The same for what costs a plugin its commands and nothing else."""

        def report(reason: str, details: str) -> None:
            self.broken.append(BrokenPlugin(origin, reason.rstrip("."), details, part="commands"))

        with _reported(report):
            yield

    def add_file(self, path: Path, plugin: str = "") -> None:
        """Load a single-file plugin, if it is not loaded yet.

        Args:
            path: a Python file.
            plugin: its id; by default the file's stem with dashes for underscores.
        """
        path = path.expanduser().resolve()
        if str(path) not in {origin.distribution for origin in self._origins()}:
            self._add(Origin(plugin or path.stem.replace("_", "-"), str(path), "local"), lambda: load_file(path))

    def _origins(self) -> list[Origin]:
        broken, disabled = ([plugin.origin for plugin in group] for group in (self.broken, self.disabled))
        return [*self.loaded.values(), *broken, *disabled]

    def _add(self, origin: Origin, load: Callable[[], Any]) -> None:
        obstacle = self._obstacle(origin)
        if origin.id in self.workspace.disabled:
            self.disabled.append(DisabledPlugin(origin, f"disabled in {self.workspace.path}"))
        elif obstacle:
            self.broken.append(BrokenPlugin(origin, obstacle))
        else:
            with self.isolated(origin):
                self._manager.register(load(), name=origin.id)
                self.loaded[origin.id] = origin
                check_hooks(self._manager, origin.id)
                self._entries[origin.id] = list(self._collect(origin))

    def _obstacle(self, origin: Origin) -> str:
        """What forbids to import this plugin; "" if nothing does."""
        if not self.workspace.admits(origin.id, origin.version):
            pin = f"{self.workspace.path} pins it to {self.workspace.pin[origin.id]!r}"
            return f"{pin}, installed is {origin.version!r}"
        if origin.id in self.loaded:
            return f"the plugin id {origin.id!r} is already taken by {self.loaded[origin.id].distribution}"
        return ""

    def _collect(self, origin: Origin) -> Iterator[Entry]:
        for kind, (hook, _) in KINDS.items():
            call = self._caller(hook, origin.id)
            for component in check_components(hook, call()) if call else ():
                yield Entry(kind, component, origin.id, origin.distribution, origin.version)

    def _caller(self, hook: str, plugin: str) -> Callable[..., list[Any]] | None:
        """Calls one plugin's implementation of `hook`; None where it has none."""
        module = self._manager.get_plugin(plugin)
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        if not any(implementation.plugin is module for implementation in caller.get_hookimpls()):
            return None
        others = [other for other in self._manager.get_plugins() if other is not module]
        return self._manager.subset_hook_caller(hook, remove_plugins=others)

    def _drop(self, origin: Origin, reason: str, details: str = "") -> None:
        self.loaded.pop(origin.id, None)
        self._entries.pop(origin.id, None)
        if self._manager.has_plugin(origin.id):
            self._manager.unregister(name=origin.id)
        self.broken.append(BrokenPlugin(origin, reason.rstrip("."), details))


def discover(workspace: Workspace, files: Iterable[Path] = ()) -> Plugins:
    """Find and load every plugin once: installed ones by id, then `[local]` ones, then `files`.

    Args:
        workspace: what is disabled, pinned and local; applied before anything is imported.
        files: single-file plugins beside those of the workspace.

    Raises:
        UsageError: a pin is not a version specifier. Everything that can be wrong with a plugin itself is in
            `Plugins.broken` instead.
    """
    plugins = Plugins(workspace)
    plugins._manager.add_hookspecs(hookspecs)
    for origin, entry_point in installed_plugins():
        if entry_point.group == API_GROUP:
            plugins._add(origin, entry_point.load)
        else:
            theirs, ours = (group.rpartition(".")[2] for group in (entry_point.group, API_GROUP))
            plugins.broken.append(BrokenPlugin(origin, f"made for plugin API {theirs}, this is {ours}"))
    for plugin, path in sorted(workspace.local.items()):
        plugins.add_file(path, plugin)
    for path in files:
        plugins.add_file(path)
    return plugins


@contextmanager
def _reported(report: Callable[[str, str], None]) -> Iterator[None]:
    """What is raised inside goes to `report`, as a line and a traceback, and no further."""
    try:
        yield
    except MftError as error:
        report(error.message, "")
    except BaseException as error:
        if is_interrupt(error):
            raise
        import traceback

        report(describe(error), traceback.format_exc())


def _listener(call: Callable[..., Any]) -> Listener:
    def listen(event: Event) -> None:
        try:
            call(event=event)
        except Exception:
            raise
        except SystemExit as error:
            raise RuntimeError(f"called sys.exit({error.code!r})") from error
        except BaseException as error:
            if is_interrupt(error):
                raise
            raise RuntimeError(describe(error)) from error

    return listen
