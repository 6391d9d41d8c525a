"""What sqlglot says of untrusted SQL, in a process of its own: its parser is recursive, and nothing bounds its time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mft_core.errors import MftError

PARSER = Path(__file__).with_name("parser.py")
SECONDS = 5.0
"""For one query."""
START_SECONDS = 30.0
LONGEST = 20_000
"""Characters of a query that is parsed; a longer one is no answer to a question."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A query as a parser sees it.

    Attributes:
        valid: it is one query in sqlite's syntax: a SELECT, with WITH or set operations or not; one statement.
        normal: written in one way: white space, case of keywords and identifiers, quotes; as it is, if not valid.
        ordered: its rows have an order, since it ends with ORDER BY.
    """

    valid: bool
    normal: str
    ordered: bool = False


def read_queries(queries: Sequence[str], columns: Sequence[Iterable[str]]) -> list[Reading]:
    """What the queries are.

    Args:
        queries: untrusted.
        columns: for each the columns of its database in lower case: a name in double quotes that is none of them is a
            text, as sqlite takes it; empty: not known.
    """
    lines: list[dict[str, Any]] = []
    jobs = [
        {"query": query[: LONGEST + 1], "columns": sorted(names)} for query, names in zip(queries, columns, strict=True)
    ]
    while len(lines) < len(jobs):
        lines += _parse(jobs[len(lines) :])
        if len(lines) < len(jobs):  # the process ended with this one
            lines.append({"valid": False, "normal": "", "ordered": False})
    return [
        Reading(True, line["normal"], line["ordered"]) if line["valid"] else Reading(False, " ".join(query.split()))
        for line, query in zip(lines, queries, strict=True)
    ]


def _parse(jobs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The complete answers of one process.

    Raises:
        MftError: it failed by itself, not by a query.
    """
    order = json.dumps({"jobs": jobs, "seconds": SECONDS, "longest": LONGEST}).encode()
    command = [sys.executable, "-I", str(PARSER)]
    seconds = START_SECONDS + SECONDS * len(jobs)
    done = subprocess.run(command, input=order, capture_output=True, env={}, cwd="/", timeout=seconds, check=False)
    if done.returncode > 0:
        reason = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise MftError(f"text2sql: sqlglot cannot be run: {reason}", "Is it installed where this Python finds it?")
    return [json.loads(line) for line in done.stdout[: done.stdout.rfind(b"\n") + 1].splitlines()]
