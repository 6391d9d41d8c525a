"""The tests' process: trusted, and out of the candidate's reach. Its last act is a literal on descriptor 3.

Reads `tests.txt`, a literal: {"helpers", "tests", "entry_point", "longest_reply"}. Asks the
candidate on descriptors 5 and 6.
"""

from __future__ import annotations

import ast
import builtins
import os
import sys

from mft_core.sandbox.inside.remote import TESTS_MODULE, Candidate, CandidateEnded, CannotCross

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERDICT, REQUESTS, REPLIES = 3, 5, 6
JOB, HELPERS, TESTS = "tests.txt", "<helpers>", "<tests>"
# Names the tests may use without importing them, because the candidate's source did: these are never the candidate's.
LIBRARY = ("typing", "collections", "math", "itertools", "functools", "copy", "string", "random", "re", "datetime")
LAST_VERDICTS = {
    CandidateEnded: "ended",
    CannotCross: "cannot_cross",
}


def main() -> None:
    with open(JOB, encoding="utf-8", errors="surrogatepass") as file:  # noqa: PTH123
        job = ast.literal_eval(file.read())
    candidate = Candidate(os.fdopen(REQUESTS, "wb"), os.fdopen(REPLIES, "rb"), job["longest_reply"])
    verdict, detail = judge(candidate, job["helpers"], job["tests"], job["entry_point"])
    os.write(VERDICT, ascii((verdict, detail[:1000])).encode())


def judge(candidate: Candidate, helpers: str, tests: str, entry_point: str) -> tuple[str, str]:
    """pass, fail, oom, ended (the candidate's process did) or cannot_cross; and why."""
    sys.modules[TESTS_MODULE] = type(sys)(TESTS_MODULE)
    namespace = vars(sys.modules[TESTS_MODULE])
    try:
        candidate.wait_until_ready()
        exec(compile(helpers, HELPERS, "exec"), namespace)
        namespace.update(names_for(tests, namespace, candidate, entry_point))
        exec(compile(tests, TESTS, "exec"), namespace)
    except BaseException as error:  # noqa: BLE001 - no way to end the tests early is a pass
        kind = "oom" if candidate.out_of_memory else LAST_VERDICTS.get(type(error), "fail")
        return kind, describe(error, tests)
    if candidate.ended:
        return "ended", "the tests went on without the candidate"
    if candidate.failed_callback:
        return "fail", candidate.failed_callback
    return "pass", ""


def names_for(tests: str, known: dict[str, Any], candidate: Candidate, entry_point: str) -> dict[str, Any]:
    """What the tests use and do not have: the entry point always is the candidate's, and what nobody else has."""
    nodes = list(ast.walk(ast.parse(tests)))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    used = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    stored = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    found = {}
    for name in sorted(used - stored - known.keys() - vars(builtins).keys() - {entry_point}):
        value = (() if name in called else module(name)) or library(name) or candidate.name(name)
        if value:
            found[name] = value[0]
    function = candidate.name(entry_point)
    if not function:
        raise NameError(f"the candidate defines no {entry_point!r}")
    return {**found, entry_point: function[0]}


def module(name: str) -> tuple[Any, ...]:
    """A module of the standard library, in a tuple; an empty one where there is none of this name."""
    return (__import__(name),) if name in sys.stdlib_module_names else ()


def library(name: str) -> tuple[Any, ...]:
    """A public name out of the standard library, in a tuple; an empty one where there is none."""
    for source in map(__import__, LIBRARY):
        if name in getattr(source, "__all__", vars(source)) and not name.startswith("_"):
            return (getattr(source, name),)
    return ()


def describe(error: BaseException, tests: str) -> str:
    """The error and the line of the tests it came from."""
    text = f"{type(error).__name__}: {error}"
    lines = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == TESTS:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    source = tests.splitlines()
    if lines and lines[-1] <= len(source):
        text += f" at line {lines[-1]} of the tests: {source[lines[-1] - 1].strip()}"
    return text
