"""Queries read, schemas and databases found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from helpers import small_databases as shop
from helpers.text2sql import evaluator, items
from mft_evaluators.sql.databases import files_of
from mft_evaluators.sql.questions import wikisql_query
from mft_evaluators.sql.syntax import read_queries


def test_the_hub_s_logical_form_is_the_same() -> None:
    conditions = {"column_index": [1], "operator_index": [0], "condition": ["O'Brien"]}
    query = wikisql_query({"sel": 0, "agg": 3, "conds": conditions}, "2-1", {"header": ["a", 'b"']})
    assert query == """SELECT COUNT("a") FROM table_2_1 WHERE "b""" + '"""' + """ = 'O''Brien'"""


@pytest.mark.slow
def test_text_is_compared_once_written_in_one_way() -> None:
    gold = 'SELECT Name FROM item WHERE kind  =  "paper" AND Price > 1'
    texts = ["select NAME from Item where `kind`='paper' and (price>1)", "SELECT name FROM item", "SELECT name FROM"]
    same, other, broken = read_queries(texts, [["kind", "name", "price"]] * 3)
    expected = read_queries([gold], [["kind", "name", "price"]])[0]
    assert expected.normal == "SELECT name FROM item WHERE kind = 'paper' AND price > 1"
    assert same.normal.replace("(", "").replace(")", "") == expected.normal
    assert other.valid
    assert other.normal != expected.normal
    assert (broken.valid, broken.normal) == (False, "SELECT name FROM")
    assert not any(one.valid for one in read_queries(["hello world", "DROP TABLE x", "SELECT 1; SELECT 2"], [[]] * 3))
    ordered = read_queries(["SELECT a FROM (SELECT a FROM t ORDER BY a)", "SELECT a FROM t ORDER BY a"], [[]] * 2)
    assert [one.ordered for one in ordered] == [False, True]


def test_a_query_that_no_parser_bears_does_not_stop_the_others() -> None:
    deep = "SELECT " + "(" * 9000 + "1" + ")" * 9000
    found = read_queries(["SELECT 1", deep, "x" * 10_000_000, "SELECT 1\0", "SELECT 2"], [[]] * 5)
    assert [one.valid for one in found] == [True, False, False, False, True]


def test_the_schema_is_the_same_from_the_tables_file_and_from_the_database(tmp_path: Path) -> None:
    data = shop.write_set(tmp_path, shop.BIRD)
    described = one_prompt(data, tmp_path)
    (tmp_path / "tables.json").unlink()
    assert one_prompt(data, tmp_path) == described
    assert described == (
        "Database shop:\nitem(id, name, price, kind)\nsale(item_id, day, amount)\n"
        "Foreign keys: sale.item_id = item.id\nHint: little means price < 2\nWrite a SQL query: What costs little?"
    )


def one_prompt(data: Path, folder: Path) -> str:
    one = evaluator(data)
    return one.prompt(items(one, folder)["7"])[0].content


def test_an_id_that_is_a_path_has_no_database(tmp_path: Path) -> None:
    shop.write_database(tmp_path / "shop.sqlite")
    (tmp_path / "inner").mkdir()
    assert files_of(tmp_path, "shop")
    for name in ("../shop", os.fspath(tmp_path / "shop"), ".", ""):
        assert files_of(tmp_path / "inner", name) == []
