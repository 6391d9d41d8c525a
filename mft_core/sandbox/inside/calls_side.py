"""The process of a function whose results are wanted: runs its source, calls it, and writes what came of each call.

Reads `calls.txt`, a literal: {"function", "calls": [([text of a literal, ...], {name: text of a literal}), ...]}.
Writes to descriptor 3 a literal, a list with one of these for each call:

    ["value", form, forms of the positional arguments if the call has changed them (else None), what it printed]
    ["raised", the built-in class that the exception is or derives from]
    ["object", class]: the result is no literal

Nothing in here is trusted.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import sys
from itertools import islice

from mft_core.sandbox.inside.crossing import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RESULT = 3
SOURCE, CALLS = "candidate.py", "calls.txt"
MOST_ITEMS, MOST_PRINTED = 10_000, 10_000


class NoLiteralError(Exception):
    """What is no literal; its argument is its class."""


def main() -> None:
    with open(CALLS, encoding="utf-8", errors="surrogatepass") as file:  # noqa: PTH123 - it takes long to import
        job = ast.literal_eval(file.read())
    module = type(sys)("candidate")
    sys.modules["candidate"] = module
    with open(SOURCE, "rb") as file:  # noqa: PTH123
        exec(compile(file.read(), SOURCE, "exec"), vars(module))
    function = vars(module)[job["function"]]
    answers = [answer(function, *call) for call in job["calls"]]
    with os.fdopen(RESULT, "wb") as stream:
        stream.write(ascii(answers).encode())


def answer(function: Any, positional: list[str], named: dict[str, str]) -> list[Any]:
    """What comes of one call with arguments of its own."""
    arguments = [ast.literal_eval(text) for text in positional]
    names = {name: ast.literal_eval(text) for name, text in named.items()}
    before, printed = encode(arguments, refuse), io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            value = function(*arguments, **names)
            if hasattr(value, "__next__"):
                value = list(islice(value, MOST_ITEMS))
            form = encode(value, refuse)
        after = encode(arguments, refuse)
        return ["value", form, None if after == before else after, printed.getvalue()[:MOST_PRINTED]]
    except NoLiteralError as error:
        return ["object", str(error)]
    except BaseException as error:  # noqa: BLE001 - whatever the function raises is its answer
        return ["raised", next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")]


def refuse(value: Any) -> dict[str, Any]:
    raise NoLiteralError(type(value).__name__)
