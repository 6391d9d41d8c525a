"""docs/making.md names every key of a making's recipe, with its default and its sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from helpers.paths import REPOSITORY
from mft_core.making.recipe import FiltersSection, MakeRecipe, WriterSection

LEFT_OUT = {"model", "filters"}
"""Tables within the table."""


def rows(section: type[BaseModel]) -> Iterator[str]:
    """Those of a table, as the page has them."""
    for name, field in section.model_fields.items():
        if name not in LEFT_OUT:
            yield f"| `{name}` | {_default(field.default)} | {field.description} |"


def _default(value: Any) -> str:
    assert value is not PydanticUndefined, "every key has a default"
    if value is None or value == "":
        return ""
    return f"`{getattr(value, 'name', None) or json.dumps(value)}`".replace('"', "")


@pytest.mark.parametrize("section", [MakeRecipe, WriterSection, FiltersSection])
def test_every_key_stands_on_the_page_as_the_recipe_has_it(section: type[BaseModel]) -> None:
    page = (REPOSITORY / "docs" / "making.md").read_text(encoding="utf-8")
    table = "\n".join(rows(section))
    assert table in page, f"docs/making.md is to have:\n{table}"
