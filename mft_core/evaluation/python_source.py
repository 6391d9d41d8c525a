"""Python code in what a chat model answers: between fences or among prose, whole or cut off."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

FENCE = re.compile(r"^[ \t]*(```+|~~~+)[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
BEGINNING = re.compile(r"^(?:import |from |def |async def |class |@)", re.MULTILINE)
KEPT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)


def extract_code(text: str, entry_point: str) -> str:
    """The program that an answer gives for a function: imports, assignments, functions and classes.

    Examples, prints and `if __name__ == "__main__"` at the top level are left out, as is what stands behind a syntax
    error. Of several code blocks that define the function, the last counts (models correct themselves); where none
    defines it, all of them together.

    Args:
        text: the answer.
        entry_point: the function that is asked for.

    Returns:
        Python source; the text itself where nothing in it is Python.
    """
    blocks = [match[3] for match in FENCE.finditer(text) if match[2].lower() in ("", "python", "py", "python3")]
    programs = [program for block in (blocks or _from_first_definition(text)) if (program := _parsing_part(block))]
    defining = [program for program in programs if defines(program, entry_point)]
    if defining:
        return definitions(defining[-1])
    return "\n".join(programs) or (blocks[0] if blocks else text)


def defines(source: str, name: str) -> bool:
    """Whether the source has a function, class or assignment of that name at its top level."""
    return any(name in _names(node) for node in parse(source).body)


def definitions(source: str) -> str:
    """The source without top-level statements that only do something."""
    lines = source.splitlines()
    kept = [node for node in parse(source).body if isinstance(node, KEPT)]
    return "\n".join("\n".join(lines[_first_line(node) - 1 : node.end_lineno]) for node in kept) + "\n"


def parse(source: str) -> ast.Module:
    """The syntax tree, without Python's warnings about what models write.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it is no Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def is_python(source: str) -> bool:
    """Whether it parses."""
    try:
        parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _parsing_part(source: str) -> str:
    """The longest run of lines from the start that parses; "" where there is none."""
    lines = source.splitlines()
    for end in range(len(lines), 0, -1):
        part = "\n".join(lines[:end])
        if is_python(part):
            return part + "\n" if parse(part).body else ""
    return ""


def _from_first_definition(text: str) -> list[str]:
    match = BEGINNING.search(text)
    return [text[match.start() :]] if match else []


def _first_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _names(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
