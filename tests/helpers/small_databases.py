"""A made-up shop: its database, its tables file, and questions on it in the published forms."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

DATABASE = "shop"
SQL = """
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price REAL, kind TEXT);
CREATE TABLE sale (item_id INTEGER REFERENCES item(id), day TEXT, amount INTEGER);
INSERT INTO item VALUES (1, 'pen', 1.5, 'paper'), (2, 'ink', 7.25, 'paper'), (3, 'cup', 4.0, 'kitchen'),
    (4, 'jug', NULL, 'kitchen');
INSERT INTO sale VALUES (1, 'mon', 3), (1, 'tue', 2), (2, 'mon', 1), (3, 'wed', 3);
"""
TABLES: dict[str, Any] = {
    "db_id": DATABASE,
    "table_names_original": ["item", "sale"],
    "column_names_original": [
        [-1, "*"],
        [0, "id"],
        [0, "name"],
        [0, "price"],
        [0, "kind"],
        [1, "item_id"],
        [1, "day"],
        [1, "amount"],
    ],
    "foreign_keys": [[5, 1]],
}
SPIDER: list[dict[str, Any]] = [
    {"db_id": DATABASE, "question": "How many items are there?", "query": "SELECT count(*) FROM item"},
    {
        "db_id": DATABASE,
        "question": "Names of paper items, the dearest first?",
        "query": 'SELECT name FROM item WHERE kind  =  "paper" ORDER BY price DESC',
    },
    {
        "db_id": DATABASE,
        "question": "How many of each item were sold?",
        "query": "SELECT T1.name ,  sum(T2.amount) FROM item AS T1 JOIN sale AS T2 ON T1.id  =  T2.item_id "
        "GROUP BY T1.id",
    },
]
CSPIDER = [{**SPIDER[0], "question": "有多少商品?"}]
COSQL: list[dict[str, Any]] = [
    {
        "database_id": DATABASE,
        "interaction": [
            {"utterance": "What is there?", "query": "SELECT name FROM item"},
            {"utterance": "Of the kitchen only.", "query": "SELECT name FROM item WHERE kind = 'kitchen'"},
        ],
        "final": {"utterance": "Kitchen items?", "query": "SELECT name FROM item WHERE kind = 'kitchen'"},
    },
    {"database_id": DATABASE, "interaction": [{"utterance": "Prices?", "query": "SELECT price FROM item"}]},
]
BIRD: list[dict[str, Any]] = [
    {
        "question_id": 7,
        "db_id": DATABASE,
        "question": "What costs little?",
        "evidence": "little means price < 2",
        "SQL": "SELECT name FROM item WHERE price < 2",
        "difficulty": "simple",
    }
]
WIKISQL: list[dict[str, Any]] = [
    {
        "phase": 1,
        "table_id": "1-10-2",
        "question": "Most points of anyone from Spain?",
        "sql": {"sel": 2, "agg": 1, "conds": [[1, 0, "SPAIN"]]},
    },
    {
        "phase": 1,
        "table_id": "1-10-2",
        "question": "Who has more than 1,000 points?",
        "sql": {"sel": 0, "agg": 0, "conds": [[2, 1, "1,000"]]},
    },
]
WIKISQL_TABLE: dict[str, Any] = {
    "id": "1-10-2",
    "header": ["Player", "Country", "Points", "player"],
    "types": ["text", "text", "real", "text"],
    "rows": [["Ana", "Spain", "1,250", "x"], ["Bo", "Norway", 300, "y"], ["Carl O'Hara", "Spain", 900, "z"]],
}


def write_database(path: Path, sql: str = SQL) -> Path:
    """An sqlite file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)
    return path


def write_set(folder: Path, rows: list[dict[str, Any]], name: str = "dev.json") -> Path:
    """A set beside tables.json and database/shop/shop.sqlite, as published; the set's file."""
    write_database(folder / "database" / DATABASE / f"{DATABASE}.sqlite")
    (folder / "tables.json").write_text(json.dumps([TABLES]))
    (folder / name).write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return folder / name
