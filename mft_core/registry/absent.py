"""Components that are not to be had: plugins broken or disabled, and what runs were made with that is gone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from mft_core.errors import MftError
from mft_core.support import run_files

LOCAL, UNKNOWN = "local", "unknown"
"""In place of a version: of a plugin in a single file; of a distribution without metadata."""


class Absent(NamedTuple):
    """A plugin that is installed and offers nothing: broken or disabled.

    Attributes:
        plugin: its id.
        state: "broken" or "disabled".
        reason: why, in one line.
    """

    plugin: str
    state: str
    reason: str


class Recorded(NamedTuple):
    """A component that a run was made with, as its folder records it; the fields are those of `Entry`."""

    kind: str
    name: str
    plugin: str
    distribution: str
    version: str
    aliases: tuple[str, ...] = ()

    def answers_to(self, name: str) -> bool:
        """Whether `name`, which may be "plugin-id/name", meant this one."""
        plugin, _, bare = name.rpartition("/")
        return bare in (self.name, *self.aliases) and plugin in ("", self.plugin)

    @property
    def origin(self) -> str:
        """The package and version, or the file, that it came from."""
        return self.distribution if self.version == LOCAL else f"{self.distribution} {self.version}"


def recorded_components(run: Path) -> tuple[Recorded, ...]:
    """What the run in the folder `run` was made with; nothing where no run is, or its record cannot be read.

    Args:
        run: its folder, or the one in it that holds its result.
    """
    if run.name == run_files.FINAL and not (run / run_files.COMPONENTS).exists():
        run = run.parent
    try:
        components = json.loads((run / run_files.COMPONENTS).read_text(encoding="utf-8"))["components"]
        return tuple(_recorded(component) for component in components)
    except (OSError, ValueError, LookupError, TypeError):
        return ()


def _recorded(component: Mapping[str, Any]) -> Recorded:
    kind, name, plugin, distribution, version = (
        str(component[field]) for field in ("kind", "name", "plugin", "distribution", "version")
    )
    return Recorded(kind, name, plugin, distribution, version, tuple(map(str, component.get("aliases", ()))))


def not_to_be_had(gone: Sequence[Recorded], absent: Sequence[Absent]) -> MftError:
    """The error that names what a run was made with and that is not here, why, and how to have it again.

    Args:
        gone: at least one.
        absent: plugins that are installed and offer nothing.
    """
    obstacles = {each.plugin: each for each in absent}
    lines, hints = [], []
    for component in gone:
        why, hint = _why(component, obstacles.get(component.plugin))
        lines.append(f"\n  {component.kind} {component.name!r} of {component.origin}: {why}")
        hints.append(hint)
    message = "The run was made with what cannot be had here:" + "".join(lines)
    return MftError(message, "\n".join(dict.fromkeys(hints)))


def _why(component: Recorded, obstacle: Absent | None) -> tuple[str, str]:
    """What keeps a component away, and what to do."""
    if obstacle and obstacle.state == "disabled":
        return f"its plugin {component.plugin!r} is {obstacle.reason}", "Take it out of `disabled` there."
    if obstacle:
        why = f"its plugin {component.plugin!r} is installed and {obstacle.state}: {obstacle.reason}"
        return why, "`mft doctor` shows more."
    if component.version == LOCAL:
        if Path(component.distribution).is_file():
            return "that file was not given", f"Give it: --plugin {component.distribution}"
        return "that file is gone", "Put it back, or say where it lies with --plugin FILE."
    here = _installed(component.distribution)
    why = f"installed is {here}, which does not offer it" if here else "not installed"
    wanted = (
        component.distribution if component.version == UNKNOWN else f"{component.distribution}=={component.version}"
    )
    return why, f"Install it: pip install {wanted}"


def _installed(distribution: str) -> str:
    """The version that is installed; "": none is."""
    try:
        return metadata.version(distribution)
    except (metadata.PackageNotFoundError, ValueError):  # ValueError: a name that no distribution can have
        return ""
