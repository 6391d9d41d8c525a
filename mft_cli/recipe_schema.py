"""The JSON Schema of recipes that may name what is installed here: `mft init --schema`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mft_core.recipe.json_schema import OptionClasses
    from mft_core.registry.catalog import Catalog, Entry
    from mft_core.registry.options import Options


def schema_text(catalog: Catalog) -> str:
    """The schema as indented JSON."""
    from mft_core.recipe.json_schema import KINDS, recipe_schema

    offered: dict[str, OptionClasses] = {
        kind: {name: _options(entry) for name, entry in _named(catalog, kind)} for kind in KINDS
    }
    offered["model"] = {name: None for name, _ in _named(catalog, "model")}  # its options are no recipe's
    return json.dumps(recipe_schema(offered), indent=2, ensure_ascii=False)


def _named(catalog: Catalog, kind: str) -> Iterator[tuple[str, Entry]]:
    """The components of a kind by each of their names; a name that two plugins offer is left out."""
    entries = catalog.of_kind(kind)
    for entry in entries:
        for name in (entry.name, *entry.component.aliases):
            if sum(other.answers_to(name) for other in entries) == 1:
                yield name, entry


def _options(entry: Entry) -> type[Options] | None:
    """The class of its options; None where the component cannot be loaded here, which naming it in a run tells."""
    from mft_core.errors import MftError
    from mft_core.registry.catalog import load_entry

    if entry.missing:
        return None
    try:
        return load_entry(entry).Options
    except MftError:
        return None
