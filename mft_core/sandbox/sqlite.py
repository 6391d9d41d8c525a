"""Untrusted SQL on a sqlite database: read only, in a process of its own, with limits on time, memory and rows."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mft_core.sandbox.outcome import Verdict

RUNNER = Path(__file__).with_name("query_runner.py")
PATIENCE = 1.5
"""So many times its seconds a query may take that does not heed its interruption; then its process ends."""
# What the process may take beside its queries before it is killed from outside.
START_SECONDS, NEXT_SECONDS = 20.0, 1.0
CHUNK = 65536

Value = int | float | str | bytes | None


@dataclass(frozen=True)
class QueryLimits:
    """Bounds of one query: time, sqlite's memory, rows, bytes of a value and of all rows, characters of its text."""

    seconds: float = 10.0
    memory_bytes: int = 256 * 2**20
    rows: int = 100_000
    output_bytes: int = 16 * 2**20
    query_characters: int = 100_000


@dataclass(frozen=True)
class QueryResult:
    """What a query gave.

    Attributes:
        verdict: pass (it ran, here are its rows), fail (an error of SQL, or not a query), timeout, oom, output_limit,
            crash, infra_error (the database cannot be read).
        columns: their names.
        rows: the rows in the order of the query.
        detail: sqlite's message.
    """

    verdict: Verdict
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Value, ...], ...] = ()
    detail: str = ""


def run_queries(database: str | Path, queries: Sequence[str], limits: QueryLimits | None = None) -> list[QueryResult]:
    """The results of the queries, each run on the database as it is.

    The file is opened as immutable: nothing is written, no lock is taken, no write-ahead log is read. Only reading is
    authorised: no ATTACH, PRAGMA or writing. A query that cannot be interrupted ends with its process; the
    others get another one.
    """
    limits = limits or QueryLimits()
    results: list[QueryResult] = []
    while len(results) < len(queries):
        answers, end = _run(database, queries[len(results) :], limits)
        results += answers if len(results) + len(answers) == len(queries) else [*answers, end]
    return results


def run_query(database: str | Path, query: str, limits: QueryLimits | None = None) -> QueryResult:
    """The result of one query: see `run_queries`."""
    return run_queries(database, [query], limits)[0]


def _run(database: str | Path, queries: Sequence[str], limits: QueryLimits) -> tuple[list[QueryResult], QueryResult]:
    """The results up to the query that ended the process, if one did, and what that one gets."""
    job = {**asdict(limits), "database": Path(database).resolve().as_uri() + "?mode=ro&immutable=1"}
    job |= {"queries": list(queries), "patience": PATIENCE}
    with tempfile.TemporaryFile() as order, tempfile.TemporaryFile() as errors:
        order.write(json.dumps(job).encode())
        order.seek(0)
        command = [sys.executable, "-I", "-S", str(RUNNER)]
        with subprocess.Popen(command, stdin=order, stdout=subprocess.PIPE, stderr=errors, env={}, cwd="/") as process:
            try:
                lines, in_time = _answers(process, PATIENCE * limits.seconds)
            finally:
                process.kill()
        errors.seek(0)
        end = _end_of(process.returncode, errors.read()) if in_time else None
    timeout = QueryResult("timeout", detail=f"more than {limits.seconds:g} s")
    return [_result(json.loads(line)) for line in lines], end or timeout


def _answers(process: subprocess.Popen[bytes], seconds: float) -> tuple[list[bytes], bool]:
    """The complete lines of the process, and whether it ended by itself: `seconds` is the time for each line."""
    assert process.stdout is not None
    content = bytearray()
    deadline = time.monotonic() + START_SECONDS + seconds
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            chunk = os.read(process.stdout.fileno(), CHUNK)
            if not chunk:
                process.wait()
                return bytes(content).splitlines(), True
            content += chunk
            if b"\n" in chunk:
                deadline = time.monotonic() + NEXT_SECONDS + seconds
    return bytes(content[: content.rfind(b"\n") + 1]).splitlines(), False


def _end_of(exit_code: int, errors: bytes) -> QueryResult:
    message = errors.decode(errors="replace").strip().rpartition("\n")[2]
    if "MemoryError" in message:
        return QueryResult("oom", detail=message)
    if exit_code == -signal.SIGALRM:
        return QueryResult("timeout", detail="it could not be interrupted")
    if exit_code < 0:
        return QueryResult("crash", detail=f"ended by {signal.Signals(-exit_code).name}")
    return QueryResult("infra_error", detail=message)


def _result(told: dict[str, Any]) -> QueryResult:
    rows = tuple(tuple(map(_value, row)) for row in told["rows"])
    return QueryResult(told["verdict"], tuple(told["columns"]), rows, told["detail"])


def _value(told: Any) -> Value:
    return bytes.fromhex(told["bytes"]) if isinstance(told, dict) else told


def same_rows(expected: QueryResult, actual: QueryResult, ordered: bool) -> bool:
    """Whether both queries gave a table, and the same one: equal rows equally often, in order where `ordered`.

    Names of columns do not matter, their order does. Floating-point numbers are equal at ten significant digits, for
    sums depend on the order of the addends.
    """
    if expected.verdict != "pass" or actual.verdict != "pass" or len(expected.columns) != len(actual.columns):
        return False
    left, right = ([tuple(map(_rounded, row)) for row in result.rows] for result in (expected, actual))
    return left == right if ordered else Counter(left) == Counter(right)


def _rounded(value: Value) -> Value:
    return float(f"{value:.10g}") if isinstance(value, float) else value
