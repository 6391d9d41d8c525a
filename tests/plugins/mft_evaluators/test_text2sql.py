"""SQL for questions on databases: what counts as right, what cannot be measured, and what never gets through."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import pytest

from helpers import small_databases as shop
from helpers.paths import PUBLISHED_SETS
from helpers.text2sql import evaluator, items, outcomes, scores
from mft_core.errors import MftError, UsageError
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_evaluators.text2sql import Text2Sql, first_statement

SPIDER = PUBLISHED_SETS / "text2sql"


@pytest.fixture(scope="module")
def spider(tmp_path_factory: pytest.TempPathFactory) -> Text2Sql:
    return evaluator(shop.write_set(tmp_path_factory.mktemp("spider"), shop.SPIDER), timeout=1)


FORMS = {"spider": shop.SPIDER, "cspider": shop.CSPIDER, "cosql": shop.COSQL, "bird": shop.BIRD}


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_wikisql_without_rows_is_compared_as_text_only(tmp_path: Path) -> None:
    (tmp_path / "dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in shop.WIKISQL))
    one = evaluator(tmp_path / "dev.jsonl")
    found = scores(one, tmp_path / "own", [(key, one.reference(item)) for key, item in items(one, tmp_path).items()])
    assert math.isnan(found["execution accuracy"].value)
    assert "missing" in str(found["execution accuracy"].details["not_measured"])
    assert found["logic accuracy"].value == 1.0


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


@pytest.mark.slow
@pytest.mark.parametrize("task_id", RIGHT)
def test_what_counts_is_what_is_found(task_id: str, spider: Text2Sql, tmp_path: Path) -> None:
    item = items(spider, tmp_path)[task_id]
    found = outcomes(spider, item, [*RIGHT[task_id], *WRONG[task_id]])
    expected = ["pass"] * len(RIGHT[task_id]) + ["fail"] * len(WRONG[task_id])
    assert [verdict.outcome for verdict in found] == expected, [verdict.detail for verdict in found]


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
