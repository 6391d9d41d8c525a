"""Schemas as text for prompts, from a tables file as Spider and BIRD publish it, or from a database itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mft_evaluators.sql.questions import column_names, quoted, table_name


@dataclass(frozen=True, slots=True)
class Schema:
    """Tables of one database.

    Attributes:
        name: the database's.
        tables: columns by table.
        foreign_keys: pairs of "table.column".
    """

    name: str
    tables: Mapping[str, Sequence[str]]
    foreign_keys: Sequence[tuple[str, str]] = ()

    def __str__(self) -> str:
        """One line for the database, each table, and all foreign keys."""
        lines = [f"Database {self.name}:"]
        lines += [f"{table}({', '.join(columns)})" for table, columns in self.tables.items()]
        if self.foreign_keys:
            lines.append("Foreign keys: " + "; ".join(f"{one} = {other}" for one, other in self.foreign_keys))
        return "\n".join(lines)

    @property
    def columns(self) -> list[str]:
        """Names of all columns, each once, in lower case."""
        return sorted({column.lower() for columns in self.tables.values() for column in columns})


def from_tables_row(row: Mapping[str, Any]) -> Schema:
    """Of a row of tables.json: table_names_original, column_names_original [[table, name]], foreign_keys [[i, j]].

    Raises:
        KeyError, IndexError, TypeError, ValueError: it is no such row.
    """
    names = list(row["table_names_original"])
    tables: dict[str, list[str]] = {name: [] for name in names}
    full = []
    for table, column in row["column_names_original"]:
        full.append(f"{names[table]}.{column}" if table >= 0 else column)
        if table >= 0:
            tables[names[table]].append(column)
    return Schema(str(row["db_id"]), tables, [(full[one], full[other]) for one, other in row.get("foreign_keys", ())])


def from_wikisql_table(table_id: str, table: Mapping[str, Any]) -> Schema:
    """Of a row of WikiSQL's tables file."""
    return Schema(table_id, {table_name(table_id): column_names(table)})


def from_database(path: Path, name: str) -> Schema:
    """Of an sqlite file.

    Raises:
        sqlite3.Error: it is none.
    """
    with closing(open_read_only(path)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        tables = [table for table in tables if not table.startswith("sqlite_")]
        columns = {
            table: [row[1] for row in connection.execute(f"PRAGMA table_info({quoted(table)})")] for table in tables
        }
        keys = [
            (f"{table}.{row[3]}", f"{row[2]}.{row[4] or row[3]}")
            for table in tables
            for row in connection.execute(f"PRAGMA foreign_key_list({quoted(table)})")
        ]
    return Schema(name, columns, keys)


def open_read_only(path: Path) -> sqlite3.Connection:
    """The file as it is: nothing is written, no lock is taken."""
    return sqlite3.connect(path.resolve().as_uri() + "?mode=ro&immutable=1", uri=True)


def by_id(rows: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Rows of a tables file: Spider's and BIRD's have a db_id, WikiSQL's an id and a header."""
    found: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        key = row.get("db_id", row.get("id"))
        if key is not None:
            found.setdefault(str(key), row)
    return found
