"""plugins.toml: what this workspace disables, pins and prefers, its local plugins, and its recipe defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mft_core.errors import UsageError
from mft_core.registry.kinds import KINDS
from mft_core.support.suggestions import did_you_mean

FILE_NAME = "plugins.toml"
_KEYS = ("disabled", "pin", "prefer", "local", "defaults")


@dataclass(frozen=True, slots=True)
class Workspace:
    """The nearest plugins.toml, or nothing.

    Attributes:
        path: the file read; None where there is none.
        disabled: ids of plugins that are not imported.
        pin: plugin id -> version specifier, such as ">=1.2,<2".
        prefer: "kind.name" -> plugin id, where two plugins offer one name.
        local: plugin id -> absolute path of a single-file plugin.
        defaults: recipe section -> its defaults, as in a recipe; validated with the recipe.
    """

    path: Path | None = None
    disabled: frozenset[str] = frozenset()
    pin: Mapping[str, str] = field(default_factory=dict)
    prefer: Mapping[str, str] = field(default_factory=dict)
    local: Mapping[str, Path] = field(default_factory=dict)
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def find(cls, start: Path | None = None) -> Workspace:
        """The workspace of `start` (the working folder if None): plugins.toml there or in the nearest parent.

        Raises:
            UsageError: the file is no TOML, or holds a key or value that has no meaning.
        """
        folder = (start or Path.cwd()).resolve()
        for candidate in (folder, *folder.parents):
            if (candidate / FILE_NAME).is_file():
                return cls.read(candidate / FILE_NAME)
        return cls()

    @classmethod
    def read(cls, path: Path) -> Workspace:
        """The workspace that `path` describes; raises as `find` does."""
        from mft_core.support.toml_files import read_toml  # not needed where there is no plugins.toml

        content = read_toml(path)
        for key in content:
            if key not in _KEYS:
                raise UsageError(f"{path}: unknown key {key!r}.", did_you_mean(key, _KEYS))
        local = _string_table(content, "local", path)
        return cls(
            path=path,
            disabled=_strings(content, "disabled", path),
            pin=_string_table(content, "pin", path),
            prefer=_preferences(content, path),
            local={name: (path.parent / file).expanduser().resolve() for name, file in local.items()},
            defaults=_sections(content, path),
        )

    def admits(self, plugin: str, version: str) -> bool:
        """Whether `version` of `plugin` satisfies its pin; a version that is none, such as "local", never does.

        Raises:
            UsageError: the pin is not a version specifier.
        """
        if plugin not in self.pin:
            return True
        from packaging.specifiers import InvalidSpecifier, SpecifierSet
        from packaging.version import InvalidVersion, Version

        try:
            return SpecifierSet(self.pin[plugin]).contains(Version(version), prereleases=True)
        except InvalidVersion:
            return False
        except InvalidSpecifier as error:
            raise UsageError(
                f"{self.path}: [pin] {plugin} = {self.pin[plugin]!r} is not a version specifier.",
                'Write it as pip does, such as ">=1.2,<2" or "==1.4.0".',
            ) from error


def _table(content: Mapping[str, Any], key: str, path: Path) -> dict[str, Any]:
    table = content.get(key, {})
    if not isinstance(table, dict):
        raise UsageError(f"{path}: {key!r} is a table.", f"Write [{key}] on a line of its own, its entries below it.")
    return table


def _strings(content: Mapping[str, Any], key: str, path: Path) -> frozenset[str]:
    values = content.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise UsageError(f"{path}: {key!r} is a list of plugin ids.", f'Write it as {key} = ["acme-losses"].')
    return frozenset(values)


def _string_table(content: Mapping[str, Any], key: str, path: Path) -> dict[str, str]:
    table = _table(content, key, path)
    for name, value in table.items():
        if not isinstance(value, str):
            raise UsageError(f"{path}: [{key}] {name} = {value!r} is not a string.", 'Put it in quotes: "...".')
    return table


def _preferences(content: Mapping[str, Any], path: Path) -> dict[str, str]:
    """[prefer] flat: in TOML, loss.famo without quotes is a table "loss" with a key "famo", and means the same."""
    flat: dict[str, Any] = {}
    for key, value in _table(content, "prefer", path).items():
        flat |= {f"{key}.{name}": plugin for name, plugin in value.items()} if isinstance(value, dict) else {key: value}
    for key in flat:
        kind, dot, _ = key.partition(".")
        if kind not in KINDS or not dot:
            example = '[prefer] "loss.famo" = "acme-losses"'
            raise UsageError(
                f"{path}: [prefer] {key!r} is not KIND.NAME.", f"As in {example}. {did_you_mean(kind, KINDS)}"
            )
    return _string_table({"prefer": flat}, "prefer", path)


def _sections(content: Mapping[str, Any], path: Path) -> dict[str, dict[str, Any]]:
    sections = _table(content, "defaults", path)
    for name, section in sections.items():
        if not isinstance(section, dict):
            raise UsageError(
                f"{path}: [defaults] {name} = {section!r} belongs to a section of the recipe.",
                f"Write it below a heading such as [defaults.train]: {name} = ...",
            )
    return sections
