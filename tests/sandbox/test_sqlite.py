"""Untrusted SQL: reads, never writes, ends in time."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mft_core.sandbox.sqlite import QueryLimits, QueryResult, run_queries, run_query, same_rows

LIMITS = QueryLimits(seconds=0.5, memory_bytes=32 * 2**20, rows=1000, output_bytes=2**20)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("databases") / "shop 100%?#.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE item (name TEXT, price REAL, picture BLOB)")
        connection.executemany(
            "INSERT INTO item VALUES (?, ?, ?)", [("a", 0.1, b"\x00"), ("b", 0.2, None), ("c", 9e999, b"")]
        )
    connection.close()
    return path


MANY = "bcdefghijklm"
"""Tables to be joined."""

ATTACKS = {
    "delete": "DELETE FROM item",
    "insert": "INSERT INTO item VALUES ('x', 1, NULL)",
    "update": "UPDATE item SET price = 0",
    "drop": "DROP TABLE item",
    "create": "CREATE TABLE x (y)",
    "temporary table": "CREATE TEMP TABLE x AS SELECT 1",
    "trigger": "CREATE TRIGGER t AFTER INSERT ON item BEGIN SELECT 1; END",
    "attach": "ATTACH DATABASE '{folder}/new.sqlite' AS x",
    "attach another": "ATTACH DATABASE '/etc/passwd' AS x",
    "vacuum into": "VACUUM INTO '{folder}/new.sqlite'",
    "pragma": "PRAGMA writable_schema = ON",
    "pragma that writes": "PRAGMA journal_mode = DELETE",
    "pragma function": "SELECT * FROM pragma_database_list",
    "extension": "SELECT load_extension('/lib/x86_64-linux-gnu/libc.so.6')",
    "tokenizer": "SELECT fts3_tokenizer('simple')",
    "virtual table": "CREATE VIRTUAL TABLE x USING fts5(y)",
    "second statement": "SELECT 1; DELETE FROM item",
    "transaction": "BEGIN EXCLUSIVE",
    "schema": "UPDATE sqlite_master SET sql = ''",
    "nothing": "",
    "comment": "-- SELECT 1",
    "null byte": "SELECT 1\0",
    "no SQL": "rm -rf /",
    "zero blob": "SELECT zeroblob(1000000000)",
    "wide number": "SELECT printf('%.*c', 1000000000, 'x')",
    "hexadecimal": "SELECT hex(zeroblob(900000))",
    "endless recursion": "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
    "endless rows": "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r",
    "endless memory": "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r ORDER BY -n",
    "endless text": "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT group_concat(n) FROM r",
    "doubled text": "WITH RECURSIVE r(t) AS (SELECT 'x' UNION ALL SELECT t || t FROM r) SELECT max(length(t)) FROM r",
    "product": "SELECT count(*) FROM " + ", ".join(["item"] * 40),
    "deep expression": "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    "no interruption": "SELECT instr(zeroblob(1000000), zeroblob(500000) || 'x')",
    "long query": "SELECT 1 /*" + "x" * 200_000 + "*/",
    "pattern for ages": f"SELECT count(*) FROM {', '.join(f'item {name}' for name in MANY)} "
    f"WHERE replace(hex(zeroblob(50000)), '0', 'a') || {' || '.join(f'{name}.name' for name in MANY)} "
    f"LIKE '{'%a' * 400}%z'",
}


def test_reads_what_is_there(database: Path) -> None:
    results = run_queries(database, ["SELECT * FROM item ORDER BY name", "SELEKT", "SELECT count(*) AS n FROM item"])
    assert results[0].rows == (("a", 0.1, b"\x00"), ("b", 0.2, None), ("c", float("inf"), b""))
    assert results[0].columns == ("name", "price", "picture")
    assert results[1].verdict == "fail"
    assert "syntax error" in results[1].detail
    assert results[2] == QueryResult("pass", ("n",), ((3,),))


@pytest.fixture(scope="module")
def attacked(database: Path) -> dict[str, QueryResult]:
    """All attacks, by one call: an attack that ends the process must not hide the next one's result."""
    queries = [query.replace("{folder}", str(database.parent)) for query in ATTACKS.values()]
    before = database.read_bytes()
    results = run_queries(database, queries, LIMITS)
    assert database.read_bytes() == before
    return dict(zip(ATTACKS, results, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", ATTACKS)
def test_attack_gets_nothing(name: str, attacked: dict[str, QueryResult]) -> None:
    result = attacked[name]
    assert result.verdict not in ("pass", "infra_error"), result
    assert result.rows == ()


def test_attacks_leave_nothing(database: Path, attacked: dict[str, QueryResult]) -> None:
    assert [path.name for path in database.parent.iterdir()] == [database.name]
    assert set(attacked) == set(ATTACKS)
    assert run_query(database, "SELECT count(*) FROM item").rows == ((3,),)


def test_limits_have_their_verdicts(attacked: dict[str, QueryResult]) -> None:
    assert attacked["endless recursion"].verdict == "timeout"
    assert attacked["pattern for ages"].verdict == "timeout"
    assert attacked["no interruption"].verdict == "timeout"
    assert attacked["endless rows"].verdict == "output_limit"
    assert attacked["endless memory"].verdict in ("oom", "timeout")


def test_missing_database_is_no_wrong_answer(tmp_path: Path) -> None:
    assert run_query(tmp_path / "absent.sqlite", "SELECT 1").verdict == "infra_error"


def test_same_rows() -> None:
    one = QueryResult("pass", ("a",), ((1,), (2,), (2,)))
    other = QueryResult("pass", ("b",), ((2,), (1.0,), (2,)))
    assert same_rows(one, other, ordered=False)
    assert not same_rows(one, other, ordered=True)
    assert not same_rows(one, QueryResult("pass", ("a",), ((1,), (1,), (2,))), ordered=False)
    assert not same_rows(QueryResult("fail"), QueryResult("fail"), ordered=False)
    assert not same_rows(QueryResult("pass", ("a",)), QueryResult("pass", ("a", "b")), ordered=False)
    assert same_rows(QueryResult("pass", ("a",), ((0.1 + 0.2,),)), QueryResult("pass", ("a",), ((0.3,),)), ordered=True)
