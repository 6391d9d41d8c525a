"""One plugin at a time: where it comes from, how it is imported, and whether what it declares makes sense."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from mft_core import hookspecs
from mft_core.errors import MftError
from mft_core.hookspecs import API_GROUP, Component
from mft_core.support.suggestions import nearest

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

    from pluggy import PluginManager

_ANY_API_GROUP = re.compile(r"mft\.v\d+")
_NAME = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*")
_TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class Origin(NamedTuple):
    """A plugin before it is imported.

    Attributes:
        id: the name of its entry point; of a local file, its key in `[local]` or its stem with dashes.
        distribution: the pip package that brought it; the file's path for a local plugin.
        version: of the distribution; "local" for a local plugin.
    """

    id: str
    distribution: str
    version: str


def installed_plugins() -> list[tuple[Origin, EntryPoint]]:
    """Entry points of every mft API group, ours or another version's, sorted by id; nothing is imported.

    A plugin made for several API versions stands in each of their groups; then only ours is listed. A distribution
    found twice on the path, such as one left over from an editable install, counts once.
    """
    from importlib.metadata import entry_points

    everything = entry_points()
    found: dict[tuple[str, str], tuple[Origin, EntryPoint]] = {}
    known: dict[Distribution | None, tuple[str, str]] = {None: ("unknown", "unknown")}
    groups = {group for group in everything.groups if _ANY_API_GROUP.fullmatch(group)}
    for group in sorted(groups, key=lambda group: (group != API_GROUP, group)):
        for entry_point in everything.select(group=group):
            distribution = entry_point.dist
            if distribution is not None and distribution not in known:
                metadata = distribution.metadata  # asked once each: every look at it parses the file again
                known[distribution] = (metadata["Name"], metadata["Version"])
            origin = Origin(entry_point.name, *known[distribution])
            found.setdefault((origin.id, origin.distribution), (origin, entry_point))
    return [found[key] for key in sorted(found)]


def load_file(path: Path) -> ModuleType:
    """The module in `path`, known under its stem, so that its components' targets find it.

    Raises:
        MftError: the file does not exist, or its stem is no module name or already another module's.
        Exception: whatever the file raises.
    """
    import importlib.util
    import sys

    if not path.is_file():
        raise MftError(f"there is no file {path}")
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise MftError(f"{path.name} must be a Python file with a Python name, such as my_loss.py")
    existing = importlib.util.find_spec(path.stem)
    if existing is not None and existing.origin != str(path):
        raise MftError(f"{path.name} would hide the module {path.stem!r} ({existing.origin}); rename the file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None  # noqa: PT018 - never None for a .py file
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module


def check_hooks(manager: PluginManager, plugin: str) -> None:
    """Raise MftError where the plugin implements no hook at all, or one that does not exist."""
    callers = manager.get_hookcallers(manager.get_plugin(plugin)) or []
    if not callers:
        raise MftError("it implements no hook; perhaps @hookimpl is missing")
    known = [name for name in dir(hookspecs) if name.startswith("mft_")]
    for caller in callers:
        if not caller.has_spec():
            match = nearest(caller.name, known)
            raise MftError(f"there is no hook {caller.name!r}" + (f"; did you mean {match!r}?" if match else ""))


def check_components(hook: str, results: Sequence[Any]) -> Sequence[Component]:
    """The components that one plugin's implementation of `hook` returned.

    Args:
        hook: its name.
        results: what pluggy gives for this one implementation: a list of its result, or an empty one for None.

    Raises:
        MftError: the result is no list of well-formed components with distinct names.
    """
    components = results[0] if results else None
    if not isinstance(components, (list, tuple)):
        raise MftError(f"{hook} must return a list of Component, not {type(components).__name__}")
    names: set[str] = set()
    for component in components:
        _check_component(hook, component)
        for name in (component.name, *component.aliases):
            if name in names:
                raise MftError(f"{hook} returned the name {name!r} twice")
            names.add(name)
    return components


def _check_component(hook: str, component: Any) -> None:
    if not isinstance(component, Component):
        raise MftError(f"{hook} must return a list of Component; one is {component!r}")
    texts = (component.name, component.target, component.summary, component.extra)
    lists = (component.aliases, component.requires)
    if not all(isinstance(text, str) for text in texts) or not all(_are_strings(values) for values in lists):
        raise MftError(f"{hook}: name, target and summary are strings, aliases and requires tuples: {component!r}")
    for name in (component.name, *component.aliases):
        if not _NAME.fullmatch(name):
            raise MftError(f"{hook}: the name {name!r} must be lower case letters and digits, joined by - or _")
    if not _TARGET.fullmatch(component.target):
        raise MftError(f"{hook}: the target {component.target!r} of {component.name!r} must be 'module:Class'")


def _are_strings(values: Any) -> bool:
    return isinstance(values, tuple) and all(isinstance(value, str) for value in values)
