"""SQL for questions on databases: what counts as right, what cannot be measured, and what never gets through."""

from __future__ import annotations

import gzip
import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from helpers import small_databases as shop
from helpers.paths import PUBLISHED_SETS
from mft_core.errors import MftError, UsageError
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.items import Attempt, Item, Verdict
from mft_core.records import Score
from mft_evaluators.sql.databases import files_of
from mft_evaluators.sql.questions import wikisql_query
from mft_evaluators.sql.syntax import read_queries
from mft_evaluators.text2sql import Text2Sql, first_statement

SPIDER = PUBLISHED_SETS / "text2sql"


def evaluator(data: Path, **options: Any) -> Text2Sql:
    return Text2Sql(Text2Sql.Options.model_validate({"data": str(data), **options}))


def items(one: Text2Sql, folder: Path) -> dict[str, Item]:
    return {item.task_id: item for item in one.items(EvaluationRequest(folder))}


def scores(one: Text2Sql, folder: Path, completions: Iterable[tuple[str, str]]) -> dict[str, Score]:
    """By metric, of given completions."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "samples.jsonl"
    path.write_text("".join(json.dumps({"task_id": key, "completion": text}) + "\n" for key, text in completions))
    found = one.evaluate(EvaluationRequest(folder / "out", samples_file=path))
    assert len({score.task for score in found}) == 1
    return {score.metric: score for score in found}


def outcomes(one: Text2Sql, item: Item, queries: Iterable[str]) -> list[Verdict]:
    return list(one.judge_many([Attempt(item, 0, query) for query in queries]))


@pytest.fixture(scope="module")
def spider(tmp_path_factory: pytest.TempPathFactory) -> Text2Sql:
    return evaluator(shop.write_set(tmp_path_factory.mktemp("spider"), shop.SPIDER), timeout=1)


FORMS = {"spider": shop.SPIDER, "cspider": shop.CSPIDER, "cosql": shop.COSQL, "bird": shop.BIRD}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_told_by_its_fields_and_its_own_queries_are_right(form: str, tmp_path: Path) -> None:
    one = evaluator(shop.write_set(tmp_path, FORMS[form]))
    found = items(one, tmp_path)
    result = scores(one, tmp_path / "own", [(key, one.reference(item)) for key, item in found.items()])
    assert {score.task for score in result.values()} == {f"text2sql/{form}"}
    assert [result[name].value for name in ("execution accuracy", "logic accuracy", "valid syntax")] == [1.0] * 3
    assert result["BLEU"].value == pytest.approx(100.0)
    assert "tok:13a" in result["BLEU"].protocol
    assert result["execution accuracy"].n == len(found)


def test_wikisql_is_executed_on_its_tables(tmp_path: Path) -> None:
    (tmp_path / "dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in shop.WIKISQL))
    (tmp_path / "dev.tables.jsonl").write_text(json.dumps(shop.WIKISQL_TABLE) + "\n")
    one = evaluator(tmp_path / "dev.jsonl")
    found = items(one, tmp_path)
    assert one.reference(found["0"]) == """SELECT MAX("Points") FROM table_1_10_2 WHERE "Country" = 'SPAIN'"""
    assert one.reference(found["1"]) == 'SELECT "Player" FROM table_1_10_2 WHERE "Points" > 1000'
    other = "select player from table_1_10_2 where points >= 1250 and \"player 3\" = 'x'"
    assert [verdict.outcome for verdict in outcomes(one, found["1"], [one.reference(found["1"]), other])] == [
        "pass"
    ] * 2
    same = "SELECT points FROM table_1_10_2 WHERE player = 'ana'"
    wrong = ["SELECT MIN(points) FROM table_1_10_2 WHERE country = 'Spain'", "SELECT 900"]
    assert [one.outcome for one in outcomes(one, found["0"], [same, *wrong])] == ["pass", "fail", "fail"]


def test_wikisql_without_rows_is_compared_as_text_only(tmp_path: Path) -> None:
    (tmp_path / "dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in shop.WIKISQL))
    one = evaluator(tmp_path / "dev.jsonl")
    found = scores(one, tmp_path / "own", [(key, one.reference(item)) for key, item in items(one, tmp_path).items()])
    assert math.isnan(found["execution accuracy"].value)
    assert "missing" in str(found["execution accuracy"].details["not_measured"])
    assert found["logic accuracy"].value == 1.0


def test_the_hub_s_logical_form_is_the_same() -> None:
    conditions = {"column_index": [1], "operator_index": [0], "condition": ["O'Brien"]}
    query = wikisql_query({"sel": 0, "agg": 3, "conds": conditions}, "2-1", {"header": ["a", 'b"']})
    assert query == """SELECT COUNT("a") FROM table_2_1 WHERE "b""" + '"""' + """ = 'O''Brien'"""


RIGHT = {
    "0": [
        "select COUNT(id) as n from item;",
        "SELECT 8 / 2.0",
        "WITH x AS (SELECT id FROM item) SELECT count(*) FROM x",
    ],
    "1": ["SELECT i.name FROM item i WHERE i.kind = 'paper' ORDER BY -price", "SELECT 'ink' UNION ALL SELECT 'pen'"],
    "2": ["SELECT name, total(amount) FROM sale JOIN item ON item_id = id GROUP BY name ORDER BY 1 DESC"],
}
WRONG = {
    "0": [
        "SELECT count(*) FROM sale WHERE amount > 1",
        "SELECT '4'",
        "SELECT 4, 4",
        "SELECT id FROM item",
        "SELECT NULL",
    ],
    "1": [
        "SELECT name FROM item WHERE kind = 'paper' ORDER BY price",
        "SELECT DISTINCT kind FROM item WHERE kind = 'paper'",
        "SELECT upper(name) FROM item WHERE kind = 'paper' ORDER BY price DESC",
        "SELECT name FROM item WHERE kind = 'nothing'",
    ],
    "2": [
        "SELECT sum(amount), name FROM item JOIN sale ON id = item_id GROUP BY id",
        "SELECT name, sum(amount) FROM item LEFT JOIN sale ON id = item_id GROUP BY id",
        "SELECT name, amount FROM item JOIN sale ON id = item_id",
    ],
}


@pytest.mark.parametrize("task_id", RIGHT)
def test_what_counts_is_what_is_found(task_id: str, spider: Text2Sql, tmp_path: Path) -> None:
    item = items(spider, tmp_path)[task_id]
    found = outcomes(spider, item, [*RIGHT[task_id], *WRONG[task_id]])
    expected = ["pass"] * len(RIGHT[task_id]) + ["fail"] * len(WRONG[task_id])
    assert [verdict.outcome for verdict in found] == expected, [verdict.detail for verdict in found]


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


ENDLESS = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT {} FROM r"
ATTACKS = {
    "drop": "DROP TABLE item",
    "delete": "DELETE FROM item",
    "update": "UPDATE item SET price = 0",
    "insert": "INSERT INTO item(name) VALUES ('x')",
    "attach": "ATTACH '{folder}/new.sqlite' AS x",
    "attach another": "ATTACH '/etc/passwd' AS x",
    "pragma": "PRAGMA table_info(item)",
    "pragma function": "SELECT count(*) FROM pragma_table_info('item')",
    "extension": "SELECT load_extension('libc.so.6')",
    "vacuum": "VACUUM INTO '{folder}/new.sqlite'",
    "right, then another": "SELECT count(*) FROM item; DROP TABLE item",
    "right, twice": "SELECT count(*) FROM item; SELECT count(*) FROM item",
    "right, after a null": "SELECT count(*) FROM item\0; DROP TABLE item",
    "right, but long": "SELECT count(*) FROM item --" + "x" * 1_000_000,
    "endless": ENDLESS.format("count(*)"),
    "endless rows": ENDLESS.format("n"),
    "endless text": ENDLESS.format("group_concat(n)"),
    "endless sorting": ENDLESS.format("n") + " ORDER BY -n",
    "zero blob": "SELECT zeroblob(2000000000)",
    "random blob": "SELECT hex(randomblob(1000000000))",
    "wide text": "SELECT printf('%.*c', 1000000000, 'x')",
    "doubling": "SELECT replace(hex(zeroblob(8000000)), '00', hex(zeroblob(100000)))",
    "joins": "SELECT count(*) FROM " + ", ".join(f"item i{number}" for number in range(40)),
    "cannot be interrupted": "SELECT instr(zeroblob(6000000), zeroblob(3000000) || 'x')",
    "deep": "SELECT " + "(" * 9000 + "1" + ")" * 9000,
    "deep queries": "SELECT * FROM " + "(SELECT * FROM " * 600 + "item" + ")" * 600,
    "file": "SELECT readfile('/etc/passwd')",
    "written file": "SELECT writefile('{folder}/new', 'x')",
    "surrogate": "SELECT '\ud800'",
    "explained": "EXPLAIN SELECT count(*) FROM item",
    "nothing": "",
    "no SQL": "the answer is 4",
}


def test_attacks_get_nothing_and_leave_nothing(tmp_path: Path) -> None:
    data = shop.write_set(tmp_path / "set", shop.SPIDER)
    one = evaluator(data, timeout=0.5)
    item = items(one, tmp_path)["0"]
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    queries = [query.replace("{folder}", str(tmp_path)) for query in ATTACKS.values()]
    found = dict(zip(ATTACKS, outcomes(one, item, queries), strict=True))
    assert {name: verdict.score for name, verdict in found.items()} == dict.fromkeys(ATTACKS, 0.0)
    assert not any(verdict.outcome == "pass" for verdict in found.values())
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert outcomes(one, item, ["SELECT count(*) FROM item"])[0].outcome == "pass"


def test_what_has_no_database_is_not_measured_and_said(tmp_path: Path) -> None:
    rows = [*shop.SPIDER, {"db_id": "gone", "question": "What?", "query": "SELECT 1"}]
    one = evaluator(shop.write_set(tmp_path, rows))
    told: list[str] = []
    (tmp_path / "s.jsonl").write_text(
        "".join(json.dumps({"task_id": str(key), "completion": row["query"]}) + "\n" for key, row in enumerate(rows))
    )
    request = EvaluationRequest(tmp_path / "out", samples_file=tmp_path / "s.jsonl", on_notice=told.append)
    found = {score.metric: score for score in one.evaluate(request)}
    assert (found["execution accuracy"].value, found["execution accuracy"].n) == (1.0, 3)
    assert (found["logic accuracy"].value, found["logic accuracy"].n) == (1.0, 4)
    assert told == ["text2sql: 1 samples are not measured: database 'gone' is missing"]
    verdicts = [json.loads(line) for line in (tmp_path / "out" / "verdicts.jsonl").read_text().splitlines()]
    assert [line["score"] for line in verdicts] == [1.0, 1.0, 1.0, None]


def test_a_published_query_that_does_not_run_measures_nobody(tmp_path: Path) -> None:
    rows = [shop.SPIDER[0], {"db_id": shop.DATABASE, "question": "What?", "query": "SELECT x FROM nowhere"}]
    one = evaluator(shop.write_set(tmp_path, rows))
    found = outcomes(one, items(one, tmp_path)["1"], ["SELECT x FROM nowhere", "SELECT 1"])
    assert [verdict.score for verdict in found] == [None, None]
    assert "no such table" in found[0].detail


def test_a_damaged_database_measures_nobody(tmp_path: Path) -> None:
    data = shop.write_set(tmp_path, shop.SPIDER)
    (tmp_path / "database" / "shop" / "shop.sqlite").write_bytes(b"no database" * 1000)
    one = evaluator(data)
    assert outcomes(one, items(one, tmp_path)["0"], ["SELECT count(*) FROM item"])[0].score is None


def test_a_test_suite_wants_agreement_on_every_file(tmp_path: Path) -> None:
    data = shop.write_set(tmp_path, shop.SPIDER)
    other = shop.SQL + "INSERT INTO item(name) VALUES ('x');"
    shop.write_database(tmp_path / "database" / "shop" / "shop_2.sqlite", other)
    one = evaluator(data)
    found = outcomes(one, items(one, tmp_path)["0"], ["SELECT 4", "SELECT count(id) FROM item"])
    assert [verdict.outcome for verdict in found] == ["fail", "pass"]


def test_a_conversation_counts_where_all_of_it_is_right(tmp_path: Path) -> None:
    one = evaluator(shop.write_set(tmp_path, shop.COSQL))
    found = items(one, tmp_path)
    answers = {key: one.reference(item) for key, item in found.items()} | {"0/1": "SELECT 1"}
    result = scores(one, tmp_path / "half", answers.items())
    assert result["execution accuracy"].value == pytest.approx(2 / 3)
    assert (result["interaction accuracy"].value, result["interaction accuracy"].n) == (0.5, 2)
    prompt = one.prompt(found["0/1"])[0]
    assert "Earlier question: What is there?\nWrite a SQL query: Of the kitchen only." in prompt.content


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


def test_prompts_and_answers_of_both_protocols(tmp_path: Path) -> None:
    data = shop.write_set(tmp_path, shop.SPIDER)
    chat, completion = evaluator(data), evaluator(data, protocol="completion")
    item = items(chat, tmp_path)["0"]
    assert str(completion.prompt(item)).startswith("-- Database shop:\n-- item(id")
    assert str(completion.prompt(item)).endswith("-- Write a SQL query: How many items are there?\nSELECT")
    assert completion.post_process(item, " count(*) FROM item;\n-- next") == "SELECT count(*) FROM item"
    assert chat.post_process(item, "Sure:\n```sql\nSELECT 1;\n```\nor\n```\nSELECT ';' ;x\n```\n!") == "SELECT ';'"
    assert chat.post_process(item, "SELECT 2\nFROM item\n\nThis counts.") == "SELECT 2\nFROM item"
    assert first_statement("SELECT 'it''s; fine'; DROP") == "SELECT 'it''s; fine'"
    assert first_statement("SELECT 'open; end") == "SELECT 'open; end"


def test_wrong_places_are_said(tmp_path: Path) -> None:
    data = shop.write_set(tmp_path, shop.SPIDER)
    with pytest.raises(UsageError, match=r"text2sql\.databases: there is no folder"):
        evaluator(data, databases=str(tmp_path / "none")).check()
    with pytest.raises(UsageError, match=r"text2sql\.tables: there is no"):
        evaluator(data, tables=str(tmp_path / "none")).check()
    data.write_text(json.dumps([{"text": "x"}]))
    with pytest.raises(MftError, match="of none of the sets"):
        evaluator(data).check()
    data.write_text(json.dumps([{"question": "x", "query": "SELECT 1"}]))
    with pytest.raises(MftError, match="row 1 is not as in spider: KeyError 'db_id'"):
        evaluator(data).check()
    data.write_text(json.dumps([{"question": "x", "query": "SELECT 1", "db_id": "unknown"}]))
    one = evaluator(data)
    with pytest.raises(MftError, match="nothing tells the tables of database 'unknown'"):
        one.prompt(items(one, tmp_path)["0"])


def test_an_id_that_is_a_path_has_no_database(tmp_path: Path) -> None:
    shop.write_database(tmp_path / "shop.sqlite")
    (tmp_path / "inner").mkdir()
    assert files_of(tmp_path, "shop")
    for name in ("../shop", os.fspath(tmp_path / "shop"), ".", ""):
        assert files_of(tmp_path / "inner", name) == []


@pytest.mark.skipif(not SPIDER.is_dir(), reason="../shared is absent")
def test_spider_as_published(tmp_path: Path) -> None:
    """Every fiftieth published query is right; with one more column it is not."""
    data = SPIDER / "spider_dev.jsonl.gz"
    with gzip.open(data, "rt") as stream:
        rows = [json.loads(line) for line in stream][::50]
    one = evaluator(data)
    found = scores(one, tmp_path / "own", [(row["id"], row["query"]) for row in rows])
    measured = sum(row["has_db"] for row in rows)
    assert (found["execution accuracy"].value, found["execution accuracy"].n) == (1.0, measured)
    assert [found[name].value for name in ("logic accuracy", "valid syntax")] == [1.0, 1.0]
    mutated = [(row["id"], f"SELECT NULL, * FROM ({row['query'].strip(' ;')})") for row in rows]
    found = scores(one, tmp_path / "mutated", mutated)
    assert (found["execution accuracy"].value, found["execution accuracy"].n) == (0.0, measured)
    assert found["valid syntax"].value == 1.0
