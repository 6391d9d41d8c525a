"""Reads untrusted SQL with sqlglot. A script with a process of its own: `syntax.read_queries`.

Reads one JSON object from its standard input: {"jobs": [{"query", "columns"}], "seconds", "longest"}; answers with one
line of JSON for each job, at once: {"valid", "normal", "ordered"}. A job that takes longer ends the process.
"""

from __future__ import annotations

import json
import re
import resource
import signal
import sys
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

DIALECT = "sqlite"
MEMORY_BYTES = 2**30
PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")
INVALID: dict[str, Any] = {"valid": False, "normal": "", "ordered": False}


def answer(query: str, columns: set[str], longest: int) -> dict[str, Any]:
    """Whether it is one query, and in one way of writing."""
    if len(query) > longest or "\0" in query:
        return INVALID
    try:
        statements = [one for one in sqlglot.parse(query, dialect=DIALECT) if one is not None]
        if len(statements) != 1 or not isinstance(statements[0], exp.Query):
            return INVALID
        ordered = statements[0].args.get("order") is not None
        normal = normalised(statements[0], columns).sql(dialect=DIALECT, comments=False)
    except (SqlglotError, RecursionError, MemoryError, ValueError):
        return INVALID
    return {"valid": True, "normal": normal, "ordered": ordered}


def normalised(tree: exp.Query, columns: set[str]) -> exp.Query:
    """Identifiers in lower case, quoted only where they must be; texts in single quotes."""
    for column in list(tree.find_all(exp.Column)):
        name = column.this
        if columns and name.args.get("quoted") and not column.table and name.name.lower() not in columns:
            column.replace(exp.Literal.string(name.name))
    for identifier in tree.find_all(exp.Identifier):
        plain = identifier.name.lower()
        identifier.set("this", plain)
        if PLAIN_NAME.fullmatch(plain):
            identifier.set("quoted", False)
    return tree


def main() -> None:
    order = json.load(sys.stdin)
    for which, value in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(which, (value, value))
    for job in order["jobs"]:
        signal.setitimer(signal.ITIMER_REAL, order["seconds"])
        sys.stdout.write(json.dumps(answer(job["query"], set(job["columns"]), order["longest"])) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
