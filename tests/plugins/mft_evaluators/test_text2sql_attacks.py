"""SQL that attacks its judge."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import small_databases as shop
from helpers.text2sql import evaluator, items, outcomes

pytestmark = pytest.mark.slow
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
