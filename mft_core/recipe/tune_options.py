"""The options that stand in [tune]: those of the tuner chosen, those of others, and such as no tuner has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from mft_core.errors import UsageError
from mft_core.recipe.schema import TuneSection
from mft_core.recipe.unknown_keys import suggest_key

KIND, SECTION = "tuner", "tune"


class DeclaredOptions(Protocol):
    """What has to be known of the options of components; `Catalog` is it."""

    def names(self, kind: str) -> Iterable[str]:
        """Of all components of a kind."""

    def defaults(self, kind: str, name: str) -> Mapping[str, Any] | None:
        """The options of a component with their defaults; None where it is unknown or cannot be loaded."""


def tuner_options(components: DeclaredOptions) -> list[str]:
    """The names of the options of all tuners, each once."""
    found: dict[str, None] = {}
    for name in components.names(KIND):
        found |= dict.fromkeys(components.defaults(KIND, name) or ())
    return list(found)


def refuse_unknown_options(values: Mapping[str, Any], origin: str, method: str, components: DeclaredOptions) -> None:
    """Refuse keys of [tune] that are options of no tuner, with the place they stand in.

    Args:
        values: of one file, valid as a recipe.
        origin: the file.
        method: the tuner chosen, in whatever file that is said.

    Raises:
        UsageError: there is one.
    """
    own = components.defaults(KIND, method)
    if own is None:
        return  # to look it up says why
    options = TuneSection.model_validate(values.get(SECTION, {})).options
    known = [] if own.keys() >= options.keys() else tuner_options(components)  # looks at every tuner
    for key in options:
        if key not in own and key not in known:
            dotted = f"{SECTION}.{key}"
            raise UsageError(f"{origin}: unknown key {dotted!r}", suggest_key(dotted, known))


def own_options(tune: TuneSection, components: DeclaredOptions) -> dict[str, Any]:
    """The options given for the tuner chosen: without those that only other tuners have.

    What no tuner has stays among them: it is refused where the tuner is built.
    """
    own = components.defaults(KIND, tune.method)
    if own is None or own.keys() >= tune.options.keys():
        return tune.options
    others = set(tuner_options(components)) - own.keys()
    return {key: value for key, value in tune.options.items() if key not in others}


def with_all_options(tune: TuneSection, components: DeclaredOptions) -> TuneSection:
    """The section with every option of its tuner, at its default where none was given, and with no other tuner's."""
    defaults = components.defaults(KIND, tune.method) or {}
    shared = {key: getattr(tune, key) for key in TuneSection.model_fields}
    return TuneSection(**{**defaults, **own_options(tune, components)}, **shared)
