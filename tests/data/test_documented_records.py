"""Every example of docs/data.md on records is one: read, and what it says is learned."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.paths import REPOSITORY
from mft_core.data.record_forms import parse_record, unread_keys
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.naming import record_form
from mft_core.records import Record, Turn

PAGE = (REPOSITORY / "docs" / "data.md").read_text(encoding="utf-8")


def examples() -> Iterator[dict[str, Any]]:
    """The values in all blocks of JSON, one after the other, each over one or more lines."""
    for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL):
        while block := block.lstrip():
            value, end = json.JSONDecoder().raw_decode(block)
            yield value
            block = block[end:]


EXAMPLES = list(examples())
SAID = [
    "5",
    "Hi!",
    "<think>\nsix sevens\n</think>\n\n42",
    "Hi!",
    "import os",
    "3 degrees.",
    "3 degrees.",
    "sorted(x)",
]


def test_every_example_has_an_expectation() -> None:
    assert len(EXAMPLES) == len(SAID)


@pytest.mark.parametrize(("example", "said"), list(zip(EXAMPLES, SAID, strict=False)))
def test_an_example_is_a_record(example: dict[str, Any], said: str) -> None:
    record = parse_record(example, "docs:1")
    assert (record.text or record.turns[-1].content) == said
    assert list(unread_keys(example)) == []


def test_both_examples_of_tool_use_are_the_same_conversation() -> None:
    one, other = (parse_record(example, "") for example in EXAMPLES if "tools" in example)
    assert [turn.role for turn in one.turns] == ["tools", "user", "assistant", "tool", "assistant"]
    calls = '[{"name":"weather","arguments":{"city":"Oslo"}}]'
    assert other.turns[2] == Turn("assistant", "", calls=calls)
    assert one.turns[2].calls == calls.replace("}}]", '},"id":"c1"}]')
    assert Record(turns=one.turns[3:]).turns[0].call_id == "c1"


def test_the_example_of_columns_is_a_recipe(tmp_path: Path) -> None:
    example = next(block for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "columns" in block)
    path = tmp_path / "recipe.toml"
    path.write_text(example, encoding="utf-8")
    data = load_recipe(path).data
    sql, talk = (record_form(data, task) for task in data.tasks)
    row = {"schema": "CREATE TABLE t", "ask": "How many?", "sql": "SELECT 1"}
    turns = parse_record(row, "", sql).turns
    assert [turn.content for turn in turns] == ["Write SQL.\nCREATE TABLE t\nHow many?", "SELECT 1"]
    conv = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    assert parse_record({"conv": conv, "apis": [{"name": "f"}]}, "", talk).turns[0].role == "tools"
