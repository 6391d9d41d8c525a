"""The author that a recipe names; wrong recipes refused by key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helpers.chat_bases import write_chat_base
from mft_core.errors import UsageError
from mft_core.making.author_opening import open_author
from mft_core.making.draft import Refused
from mft_core.making.recipe import FiltersSection, WriterSection
from mft_core.registry.catalog import Catalog


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({}, "model: who writes"),
        ({"endpoint": "http://localhost/v1", "base": "tiny", "name": "x"}, r"model\.endpoint and model\.base"),
        ({"endpoint": "http://localhost/v1"}, r"model\.name"),
        ({"endpoint": "localhost", "name": "x"}, "http://"),
        ({"base": "no-such-base-anywhere"}, "no-such-base-anywhere"),
    ],
)
def test_a_recipe_that_names_no_model_is_refused_by_its_key(
    given: dict[str, Any], key: str, tmp_path: Path, catalog: Catalog
) -> None:
    with pytest.raises(UsageError, match=key):
        open_author(WriterSection(**given), FiltersSection(), tmp_path, catalog)


@pytest.mark.slow
def test_a_base_on_this_machine_writes_too(tmp_path: Path, catalog: Catalog) -> None:
    write_chat_base(tmp_path / "base")
    given = WriterSection(base=str(tmp_path / "base"), max_tokens=8)
    opened = open_author(given, FiltersSection(), tmp_path, catalog)
    with pytest.raises(Refused, match="cut off"):
        opened.solve("Write add(a, b).")
    assert opened.models == {str(tmp_path / "base")}
    assert opened.spending.completion_tokens == 8
    opened.close()
