"""Where a set's tables files and databases lie, and WikiSQL's tables made into a database."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mft_core.errors import UsageError
from mft_core.evaluation.published_sets import FORMS, read_rows
from mft_core.support.durable import file_digest, whole_folder
from mft_core.support.paths import cache_folder
from mft_evaluators.sql.questions import as_number, column_names, quoted, table_name
from mft_evaluators.sql.schemas import Schema, by_id, from_database, from_tables_row, from_wikisql_table

DATABASE_FOLDERS = ("database", "databases", "dev_databases", "test_database", "train_databases")
ENDINGS = (".sqlite", ".db")
WIKISQL_FILE = "tables.sqlite"

Row = Mapping[str, Any]


@dataclass
class FolderDatabases:
    """sqlite files in a folder: DB_ID.sqlite, or in a folder DB_ID, as published.

    A folder DB_ID may hold several files with the same schema, as test suites do (Zhong et al. 2020, arXiv 2010.02840):
    a query must then agree on all of them.

    Attributes:
        folder: of the databases; None: there are none.
        tables: rows of tables files by database.
    """

    folder: Path | None
    tables: Mapping[str, Row]
    _digests: dict[str, str] = field(default_factory=dict)

    def paths(self, database: str) -> tuple[Path, ...]:
        """Its files; () where there are none."""
        return tuple(files_of(self.folder, database)) if self.folder else ()

    def digest(self, database: str) -> str:
        """SHA-256 of its files; "" where there are none."""
        if database not in self._digests:
            files = [file_digest(path) for path in self.paths(database)]
            self._digests[database] = hashlib.sha256("".join(files).encode()).hexdigest() if files else ""
        return self._digests[database]

    def schema(self, database: str) -> Schema | None:
        """From the tables files, else from the database; None where neither is there, or is readable."""
        if database in self.tables:
            return from_tables_row(self.tables[database])
        for path in self.paths(database):
            try:
                return from_database(path, database)
            except sqlite3.Error:
                return None
        return None


@dataclass
class TableDatabases:
    """WikiSQL's tables, all in one database made from their rows; text is compared as WikiSQL does, case aside.

    Attributes:
        tables: rows of a tables file by id: id, header, types, rows.
    """

    tables: Mapping[str, Row]

    def paths(self, table_id: str) -> tuple[Path, ...]:
        """The database, made when first asked for; () for a table without rows."""
        return (self._file,) if self._rows(table_id) else ()

    def digest(self, table_id: str) -> str:
        """SHA-256 of the table; "" where it has no rows."""
        return _digest(self.tables[table_id]) if self._rows(table_id) else ""

    def schema(self, table_id: str) -> Schema | None:
        """Of the one table; None where its header is not known."""
        table = self.tables.get(table_id, {})
        return from_wikisql_table(table_id, table) if table.get("header") else None

    def _rows(self, table_id: str) -> Sequence[Any]:
        return self.tables.get(table_id, {}).get("rows") or ()

    @cached_property
    def _file(self) -> Path:
        used = {key: table for key, table in self.tables.items() if table.get("rows")}
        name = hashlib.sha256("".join(_digest(table) for table in used.values()).encode()).hexdigest()[:16]
        folder = cache_folder("wikisql") / name
        if not folder.is_dir():
            with whole_folder(folder, keep_existing=lambda _: True) as fresh:
                _write_tables(fresh / WIKISQL_FILE, used)
        return folder / WIKISQL_FILE


Databases = FolderDatabases | TableDatabases


def files_of(folder: Path, database: str) -> list[Path]:
    """A database's files below a folder; an id that is a path has none."""
    if not database or Path(database).name != database:
        return []
    direct = [path for ending in ENDINGS if (path := folder / f"{database}{ending}").is_file()]
    inner = folder / database
    return direct or sorted(path for path in (inner.iterdir() if inner.is_dir() else ()) if path.suffix in ENDINGS)


def find_databases(option: str, data: Path | None, wanted: Iterable[str]) -> Path | None:
    """The folder that has most of the databases: the one given, else one beside the set.

    Raises:
        UsageError: the one given is no folder.
    """
    if option:
        folder = Path(option).expanduser()
        if not folder.is_dir():
            raise UsageError(f"eval.text2sql.databases: there is no folder {folder}", "Name what holds DB_ID.sqlite.")
        candidates = [folder, *(folder / name for name in DATABASE_FOLDERS)]
    else:
        candidates = list(_places(data)) if data else []
    counts = [(sum(bool(files_of(place, name)) for name in set(wanted)), place) for place in candidates]
    most = max((count for count, _ in counts), default=0)
    return next((place for count, place in counts if count == most), None) if most else None


def find_tables(option: str, data: Path | None, wanted: Iterable[str]) -> dict[str, Row]:
    """Rows of tables files by id: of the file given, else of those beside the set, until all ids are known.

    Raises:
        UsageError: the one given is not there.
        MftError: a file cannot be read.
    """
    if option:
        path = Path(option).expanduser()
        if not path.is_file():
            raise UsageError(f"eval.text2sql.tables: there is no {path}", "Name Spider's tables.json or its like.")
        return by_id(read_rows(path))
    missing, found = set(wanted), dict[str, Row]()
    for path in _table_files(data) if data else ():
        if missing:
            found = {**by_id(read_rows(path)), **found}
            missing -= found.keys()
    return found


def _places(data: Path) -> Iterator[Path]:
    folder = data if data.is_dir() else data.parent
    yield folder
    yield from sorted(path for path in folder.iterdir() if path.is_dir())
    yield from (folder.parent / name for name in DATABASE_FOLDERS)


def _table_files(data: Path) -> list[Path]:
    """dev.tables.jsonl before others for dev.jsonl; those of the folder above come last."""
    folder, stem = (data, "") if data.is_dir() else (data.parent, data.name.partition(".")[0])
    inner, outer = (
        [path for path in sorted(place.glob("*tables*")) if path.name.endswith(FORMS)]
        for place in (folder, folder.parent)
    )
    return [*sorted(inner, key=lambda path: not path.name.startswith(stem)), *outer]


def _digest(table: Row) -> str:
    return hashlib.sha256(json.dumps(dict(table), sort_keys=True, default=str).encode()).hexdigest()


def _write_tables(path: Path, tables: Mapping[str, Row]) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for table_id, table in tables.items():
            names, types = column_names(table), table.get("types") or ()
            numeric = [kind == "real" for kind in types] or [False] * len(names)
            columns = ", ".join(
                f"{quoted(name)} {'NUMERIC' if number else 'TEXT COLLATE NOCASE'}"
                for name, number in zip(names, numeric, strict=True)
            )
            connection.execute(f"CREATE TABLE {table_name(table_id)} ({columns})")
            marks = ", ".join("?" * len(names))
            rows = [[_cell(value, number) for value, number in zip(row, numeric, strict=True)] for row in table["rows"]]
            connection.executemany(f"INSERT INTO {table_name(table_id)} VALUES ({marks})", rows)
        connection.commit()


def _cell(value: Any, numeric: bool) -> Any:
    """A cell of a numeric column may be a text such as "1,234"; the rest is as published."""
    if numeric and isinstance(value, str):
        number = as_number(value)
        return value if number is None else number
    return value if isinstance(value, (int, float, str, type(None))) else str(value)
