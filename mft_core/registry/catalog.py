"""What there is: components by kind and name, imported and built on first use."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mft_core.errors import MftError, UsageError
from mft_core.hookspecs import Component
from mft_core.registry.absent import Absent, Recorded, not_to_be_had
from mft_core.registry.kinds import KINDS
from mft_core.support.secret_references import resolved
from mft_core.support.suggestions import did_you_mean

if TYPE_CHECKING:
    from mft_core.registry.options import Configurable


class AmbiguousComponent(UsageError):  # noqa: N818 - what was found, not a fault of ours
    """More than one plugin offers the name asked for."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One component and where it comes from.

    Attributes:
        kind: a key of `KINDS`.
        component: as the plugin declared it.
        plugin: the plugin's id, the name of its entry point.
        distribution: the pip package that brought it; the file's path for a local plugin.
        version: of the distribution; "local" for a local plugin.
    """

    kind: str
    component: Component
    plugin: str
    distribution: str
    version: str

    @property
    def name(self) -> str:
        """What the user types."""
        return self.component.name

    @property
    def missing(self) -> tuple[str, ...]:
        """Modules the component requires and that are not installed; nothing is imported to find out."""
        return tuple(module for module in self.component.requires if not _is_installed(module))

    def answers_to(self, name: str) -> bool:
        """Whether `name` is this component's name or one of its aliases."""
        return name == self.component.name or name in self.component.aliases


class Catalog:
    """All components, by kind and name.

    Args:
        entries: what the plugins offer.
        prefer: "kind.name" -> plugin id, from plugins.toml.
        absent: plugins that offer nothing, so that an error can say why a name is not found.
        recorded: what the runs that are opened were made with, for the same purpose.
    """

    def __init__(
        self,
        entries: Iterable[Entry],
        prefer: Mapping[str, str] | None = None,
        absent: Sequence[Absent] = (),
        recorded: Sequence[Recorded] = (),
    ) -> None:
        places = list(KINDS)
        self.entries = tuple(sorted(entries, key=lambda e: (places.index(e.kind), e.component.last, e.name)))
        self._prefer = dict(prefer or {})
        self._absent = tuple(absent)
        self._recorded = tuple(recorded)

    def require_recorded(self, kind: str, name: str = "") -> None:
        """Refuse that components of the opened runs are gone or broken.

        Args:
            kind: of them.
            name: as the user or a recipe has it; "": all of the kind.

        Raises:
            MftError: one is; the message says which, where it came from, and why.
        """
        for component in self._recorded:
            if component.kind == kind and (not name or component.answers_to(name)):
                found = [entry for entry in self.of_kind(kind) if entry.answers_to(component.name)]
                if not found:
                    raise self._unknown(kind, component.name)
                for entry in found:
                    if entry.plugin == component.plugin:
                        load_entry(entry)

    def of_kind(self, kind: str) -> tuple[Entry, ...]:
        """Every component of `kind`, by name; those that are to be `last` behind the others.

        Raises:
            UsageError: there is no such kind.
        """
        if kind not in KINDS:
            raise UsageError(f"There is no kind of component {kind!r}.", did_you_mean(kind, KINDS))
        return tuple(entry for entry in self.entries if entry.kind == kind)

    def find(self, kind: str, name: str) -> Entry | None:
        """The component called `name` (its name, an alias, or "plugin-id/name"); None where there is none.

        Raises:
            AmbiguousComponent: more than one plugin offers it and plugins.toml prefers none.
            UsageError: no such kind; or plugins.toml prefers a plugin that does not offer the name.
        """
        plugin, slash, bare = name.rpartition("/")
        found = [entry for entry in self.of_kind(kind) if entry.answers_to(bare)]
        if slash:
            return next((entry for entry in found if entry.plugin == plugin), None)
        preferred = self._prefer.get(f"{kind}.{name}")
        if preferred is not None:
            return self._preferred(kind, name, preferred, found)
        if len(found) > 1:
            raise self._ambiguous(kind, name, found)
        return found[0] if found else None

    def get(self, kind: str, name: str) -> Entry:
        """As `find`, but an unknown name is a UsageError that lists what there is; one that a run had, an MftError."""
        entry = self.find(kind, name)
        if entry is None:
            raise self._unknown(kind, name)
        return entry

    def load(self, kind: str, name: str) -> type[Configurable]:
        """The class behind `name`; raises as `get` and `load_entry` do."""
        return load_entry(self.get(kind, name))

    def build(self, kind: str, name: str, options: Mapping[str, Any] | None = None, where: str = "") -> Any:
        """An instance of the component `name`, with its options validated against its own declaration.

        Args:
            kind: a key of `KINDS`.
            name: the component's name, an alias, or "plugin-id/name".
            options: its options, as the recipe has them; "env:NAME" is read from the environment here.
            where: the place of the options in the recipe, such as "[loss]", for messages.

        Raises:
            UsageError: an unknown name, an unknown option, a value that is not allowed, or a variable not set.
            MftError: the component cannot be used here (see `load_entry`).
        """
        target = self.load(kind, name)
        from pydantic import ValidationError

        from mft_core.registry.options import options_error

        try:
            checked = target.Options.model_validate(resolved(options or {}, where))
        except ValidationError as error:
            raise options_error(error, f"{kind} {name!r}", where, list(target.Options.model_fields)) from error
        return target(checked)

    def offers(self, kind: str, name: str) -> bool:
        """Whether any plugin offers `name`."""
        return any(entry.answers_to(name.rpartition("/")[2]) for entry in self.of_kind(kind))

    def names(self, kind: str) -> list[str]:
        """Full names of all components of a kind, which none shares with another."""
        return [f"{entry.plugin}/{entry.name}" for entry in self.of_kind(kind)]

    def defaults(self, kind: str, name: str) -> dict[str, Any] | None:
        """The options of a component with their defaults, as in a recipe; None where it is unknown or broken."""
        try:
            options = self.load(kind, name).Options
        except MftError:
            return None
        from mft_core.registry.options import default_options

        return default_options(options)

    def path_options(self, kind: str, name: str) -> frozenset[str]:
        """The options of a component that are paths; none where it is unknown or broken, which `load` tells."""
        try:
            options = self.load(kind, name).Options
        except MftError:
            return frozenset()
        from mft_core.registry.options import path_options

        return path_options(options)

    def _preferred(self, kind: str, name: str, plugin: str, found: list[Entry]) -> Entry:
        for entry in found:
            if entry.plugin == plugin:
                return entry
        raise UsageError(
            f"plugins.toml prefers plugin {plugin!r} for {kind}.{name}, but it offers no such {kind}."
            + self._why_absent(plugin),
            f"Change [prefer] in plugins.toml. Offered by: {', '.join(e.plugin for e in found) or 'no plugin'}.",
        )

    def _ambiguous(self, kind: str, name: str, found: list[Entry]) -> AmbiguousComponent:
        plugins = [entry.plugin for entry in found]
        return AmbiguousComponent(
            f"{kind} {name!r} is offered by {len(found)} plugins: {', '.join(plugins)}.",
            f"Say which: --{kind} {plugins[0]}/{name}; or, once for all, in plugins.toml: "
            f'[prefer] "{kind}.{name}" = "{plugins[0]}".',
        )

    def _unknown(self, kind: str, name: str) -> MftError:
        asked = [each for each in self._recorded if each.kind == kind and each.answers_to(name)]
        if asked:
            others = [each for each in self._recorded if not self.offers(each.kind, each.name)]
            return not_to_be_had(list(dict.fromkeys([*asked, *others])), self._absent)
        plugin, slash, _ = name.rpartition("/")
        message = f"There is no {kind} called {name!r}."
        entries = self.of_kind(kind)
        if not slash:
            names = {known for entry in entries for known in (entry.name, *entry.component.aliases)}
            return UsageError(message + self._not_searched(), did_you_mean(name, names))
        if self._why_absent(plugin):
            return UsageError(message + self._why_absent(plugin), "`mft doctor` shows the details.")
        return UsageError(message, did_you_mean(name, {f"{entry.plugin}/{entry.name}" for entry in entries}))

    def _why_absent(self, plugin: str) -> str:
        """What is known of `plugin` being absent; "" where nothing is."""
        return "".join(
            f" Plugin {plugin!r} is {absent.state}: {absent.reason}."
            for absent in self._absent
            if absent.plugin == plugin
        )

    def _not_searched(self) -> str:
        """The plugins that might have offered what was asked for; "" where there are none."""
        names = [f"{absent.plugin} ({absent.state})" for absent in self._absent]
        return f" Not searched: {', '.join(names)}; see `mft doctor`." if names else ""


def load_entry(entry: Entry) -> type[Configurable]:
    """The class that `entry` names, imported now.

    Raises:
        MftError: a required module is missing, the import fails, there is no such class, or it is not of its kind.
    """
    label = f"{entry.kind} {entry.name!r} of plugin {entry.plugin!r}"
    if modules := " ".join(entry.missing):
        package = f"'{entry.distribution}[{entry.component.extra}]'" if entry.component.extra else modules
        raise MftError(f"{label} needs what is not installed: {modules}.", f"Install it: pip install {package}")
    target = _import_target(entry.component.target, label)
    _check_interface(target, entry.kind, label)
    return target


def _import_target(target: str, label: str) -> Any:
    module_name, _, attribute = target.partition(":")
    hint = f"`mft doctor` shows more. Its target is {target}."
    try:
        found: Any = importlib.import_module(module_name)
    except BaseException as error:
        if is_interrupt(error):
            raise
        raise MftError(f"{label} cannot be imported: {describe(error)}", hint) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise MftError(f"{label} cannot be imported: {module_name} has no {attribute}.", hint)
        found = getattr(found, part)
    return found


def _check_interface(target: Any, kind: str, label: str) -> None:
    import inspect

    interface = _import_target(KINDS[kind].interface, f"the interface of {kind}")
    if not (isinstance(target, type) and issubclass(target, interface)):
        raise MftError(f"{label} is not a subclass of mft_core.interfaces.{interface.__name__}.")
    if inspect.isabstract(target):
        missing = ", ".join(sorted(getattr(target, "__abstractmethods__", ())))
        raise MftError(f"{label} is abstract.", f"Its class {target.__name__} does not implement: {missing}.")


def is_interrupt(error: BaseException) -> bool:
    """Whether it is Ctrl-C, which is no plugin's business. One of a class of its own is the plugin's."""
    return type(error) is KeyboardInterrupt


def describe(error: BaseException) -> str:
    """An exception in one line: its type, and its message if it has one."""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _is_installed(module: str) -> bool:
    """Asks for the top-level package only: finding a submodule would import its parents."""
    return importlib.util.find_spec(module.partition(".")[0]) is not None
