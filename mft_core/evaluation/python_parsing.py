"""Python source read without being run, and without Python's warnings about what models write."""

from __future__ import annotations

import ast

from mft_core.support.foreign_source import no_warnings

MOST_TRIES = 40
"""How often the longest part of a source that parses is looked for."""


def parse(source: str) -> ast.Module:
    """The syntax tree, without Python's warnings about what models write.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it is no Python.
    """
    with no_warnings():
        return ast.parse(source)


def is_python(source: str) -> bool:
    """Whether it parses."""
    try:
        parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def definitions(source: str) -> list[str]:
    """Names of the functions and classes at the top level of a module, in order; none of what does not parse."""
    try:
        body = parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]


def parsing_part(source: str) -> str:
    """The longest run of lines from the start that parses; "" where there is none with a statement in it.

    No run that parses holds the line of an error, so each try ends before the last one's. Where the errors do not end
    (a `try` of many lines without its `except`), the part before that statement is what is left.
    """
    lines = source.split("\n")
    for tried in range(MOST_TRIES):
        part = "\n".join(lines)
        try:
            return part.rstrip("\n") + "\n" if parse(part).body else ""
        except SyntaxError as error:
            end = max(0, min(error.lineno or 1, len(lines)) - 1)
        except (ValueError, RecursionError, MemoryError):
            return ""
        if tried >= MOST_TRIES // 2:
            end = next((number for number in range(end, 0, -1) if lines[number][:1].strip()), 0)
        del lines[end:]
    return ""
