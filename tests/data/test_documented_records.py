"""What the examples of docs/data.md become as records; tests/end_to_end/test_data_page.py runs all of them."""

from __future__ import annotations

from pathlib import Path

from helpers.pages import blocks, values
from helpers.paths import REPOSITORY
from mft_core.data.record_forms import parse_record, unread_keys
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.naming import record_form
from mft_core.records import Record, Turn

BLOCKS = blocks((REPOSITORY / "docs" / "data.md").read_text(encoding="utf-8"))
EXAMPLES = [value for block in BLOCKS if block.language == "json" for value in values(block)]


def test_every_key_of_an_example_is_read() -> None:
    assert [key for example in EXAMPLES for key in unread_keys(example)] == []


def test_both_examples_of_tool_use_are_the_same_conversation() -> None:
    one, other = (parse_record(example, "") for example in EXAMPLES if "tools" in example)
    assert [turn.role for turn in one.turns] == ["tools", "user", "assistant", "tool", "assistant"]
    calls = '[{"name":"weather","arguments":{"city":"Oslo"}}]'
    assert other.turns[2] == Turn("assistant", "", calls=calls)
    assert one.turns[2].calls == calls.replace("}}]", '},"id":"c1"}]')
    assert Record(turns=one.turns[3:]).turns[0].call_id == "c1"


def test_the_example_of_columns_is_a_recipe(tmp_path: Path) -> None:
    example = next(block.text for block in BLOCKS if block.language == "toml" and "schema" in block.text)
    path = tmp_path / "recipe.toml"
    path.write_text(example, encoding="utf-8")
    data = load_recipe(path).data
    sql, talk = (record_form(data, task) for task in data.tasks)
    row = {"schema": "CREATE TABLE t", "ask": "How many?", "sql": "SELECT 1"}
    turns = parse_record(row, "", sql).turns
    assert [turn.content for turn in turns] == ["Write SQL.\nCREATE TABLE t\nHow many?", "SELECT 1"]
    conv = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    assert parse_record({"conv": conv, "apis": [{"name": "f"}]}, "", talk).turns[0].role == "tools"
