"""Runs untrusted SQL on a database that it may read only. A script with a process of its own: `sqlite.run_queries`.

Reads one JSON object from its standard input: the database's URI, the queries, their limits; answers with one line of
JSON for each query, at once: {"verdict", "columns", "rows", "detail"}.
"""

from __future__ import annotations

import json
import resource
import signal
import sqlite3
import sys
import time
from typing import Any

ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
# They reach beyond the data: code from a file, a pointer as a value.
FORBIDDEN_FUNCTIONS = {"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"}
INSTRUCTIONS_BETWEEN_LOOKS = 1000
ROWS_AT_ONCE = 100
INTERPRETER_BYTES = 256 * 2**20


def authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if (second or "").lower() in FORBIDDEN_FUNCTIONS else sqlite3.SQLITE_OK
    return sqlite3.SQLITE_OK if action in ALLOWED else sqlite3.SQLITE_DENY


def connect(job: dict[str, Any]) -> sqlite3.Connection:
    connection = sqlite3.connect(job["database"], uri=True, isolation_level=None)
    connection.text_factory = lambda content: content.decode("utf-8", "replace")
    connection.execute(f"PRAGMA hard_heap_limit = {job['memory_bytes']}")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA trusted_schema = OFF")
    if sys.version_info >= (3, 11):
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, job["output_bytes"])
        connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    deadline = time.monotonic() + job["seconds"]
    connection.set_progress_handler(lambda: time.monotonic() > deadline, INSTRUCTIONS_BETWEEN_LOOKS)
    connection.set_authorizer(authorize)
    return connection


def answer(job: dict[str, Any], query: str) -> dict[str, Any]:
    if len(query) > job["query_characters"]:
        return _told("fail", f"the query is longer than {job['query_characters']} characters")
    try:
        connection = connect(job)
    except sqlite3.Error as error:
        return _told("infra_error", str(error))
    try:
        cursor = connection.execute(query)
        if cursor.description is None:
            return _told("fail", "the statement returns no table")
        rows = _rows(cursor, job["rows"], job["output_bytes"])
        if rows is None:
            return _told("output_limit", f"more than {job['rows']} rows or {job['output_bytes']} bytes")
        return {"verdict": "pass", "columns": [name for name, *_ in cursor.description], "rows": rows, "detail": ""}
    except MemoryError:
        return _told("oom", "more memory than allowed")
    except sqlite3.DataError as error:
        return _told("output_limit", str(error))
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        return _told("timeout" if str(error) == "interrupted" else "fail", f"{type(error).__name__}: {error}")
    finally:
        connection.close()


def _rows(cursor: sqlite3.Cursor, most_rows: int, most_bytes: int) -> list[list[Any]] | None:
    rows: list[list[Any]] = []
    size = 0
    while chunk := cursor.fetchmany(ROWS_AT_ONCE):
        size += sum(len(value) if isinstance(value, (str, bytes)) else 8 for row in chunk for value in row)
        rows += [list(map(_plain, row)) for row in chunk]
        if len(rows) > most_rows or size > most_bytes:
            return None
    return rows


def _plain(value: Any) -> Any:
    return {"bytes": value.hex()} if isinstance(value, bytes) else value


def _told(verdict: str, detail: str) -> dict[str, Any]:
    return {"verdict": verdict, "columns": [], "rows": [], "detail": detail}


def main() -> None:
    job = json.load(sys.stdin)
    space = 2 * job["memory_bytes"] + 4 * job["output_bytes"] + INTERPRETER_BYTES
    for which, value in ((resource.RLIMIT_AS, space), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(which, (value, value))
    for query in job["queries"]:
        # A call of a function inside of sqlite cannot be interrupted: then the signal ends this process.
        signal.setitimer(signal.ITIMER_REAL, job["patience"] * job["seconds"])
        sys.stdout.write(json.dumps(answer(job, query)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
