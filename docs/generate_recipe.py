"""Writes docs/recipe.md from the recipe's own schema (`make docs`)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mft_cli.type_words import type_words
from mft_core.recipe.choices import Choice
from mft_core.recipe.schema import Recipe, Section, TaskSection
from mft_core.registry.catalog import Catalog
from mft_core.registry.discovery import discover
from mft_core.registry.plugin_loading import installed_plugins
from mft_core.registry.workspace import Workspace

PAGE = Path(__file__).parent / "recipe.md"
PROGRAM = "mft"
HEAD = """# The recipe

Written by `docs/generate_recipe.py` (`make docs`); do not edit. `mft init recipe.toml` writes a recipe with every key
and its default. A flag wins over the recipe, `--set KEY=VALUE` over both; paths are relative to the recipe's folder.

An editor completes keys and marks mistakes with the JSON Schema of what is installed, which
`mft init --schema > recipe.schema.json` prints: Taplo and Even Better TOML take it by a first line
`#:schema ./recipe.schema.json`.

Where a component is named, a table gives it options: `packer = "best-fit"` or `packer = {name = "best-fit", ...}`.
`mft list KIND` shows what can be named, `mft show KIND.NAME` its options.
"""
KINDS = {
    "tuner": "Options of [tune], by `method`",
    "loss": "Options of [loss], by `name`",
    "optimizer": "Options of train.optimizer, by `name`",
}


def page() -> str:
    """docs/recipe.md, with our components, whatever else is installed here."""
    foreign = frozenset(origin.id for origin, _ in installed_plugins() if origin.distribution != PROGRAM)
    catalog = discover(Workspace(disabled=foreign)).catalog
    sections = {name: field.get_default() for name, field in Recipe.model_fields.items()}
    parts = [HEAD]
    for name, default in sections.items():
        if isinstance(default, Section) and not isinstance(default, Choice):
            parts += [f"## [{name}]\n", *_table(type(default), leave_out=("tasks",))]
            if name == "data":
                parts += ["## [[data.tasks]]\n", *_table(TaskSection)]
    for kind, heading in KINDS.items():
        parts += [f"## {heading}\n", *_of_components(catalog, kind)]
    return "\n".join(parts)


def _of_components(catalog: Catalog, kind: str) -> Iterator[str]:
    for entry in catalog.of_kind(kind):
        options = None if entry.missing else catalog.load(kind, f"{entry.plugin}/{entry.name}").Options
        yield f"### {kind}.{entry.name}\n\n{entry.component.summary}\n"
        if options is not None and options.model_fields:
            yield from _table(options)


def _table(section: Any, leave_out: tuple[str, ...] = ()) -> Iterator[str]:
    yield "| key | type | default | |\n| --- | --- | --- | --- |"
    for key, field in section.model_fields.items():
        if key not in leave_out:
            cells = (f"`{key}`", f"`{_type(field)}`", _default(field), field.description or "")
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _type(field: Any) -> str:
    words = type_words(field.annotation, field.metadata)
    return words.replace("Choice", "name or table")


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    names = [one.name for one in value] if isinstance(value, list) and value and isinstance(value[0], Choice) else value
    plain = names.name if isinstance(names, Choice) else names
    return f"`{json.dumps(plain, ensure_ascii=False)}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")
