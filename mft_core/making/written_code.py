"""Code in what a model wrote, taken apart: solutions, tests, calls."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from mft_core.evaluation.code_blocks import PYTHON, code_blocks
from mft_core.evaluation.python_parsing import is_python, parse
from mft_core.sandbox.python_calls import literal_call

MARKS = {
    "python": PYTHON[1:],
    "javascript": ("javascript", "js"),
    "typescript": ("typescript", "ts"),
    "c++": ("c++", "cpp"),
    "c#": ("c#", "csharp", "cs"),
    "go": ("go", "golang"),
    "rust": ("rust", "rs"),
    "bash": ("bash", "sh", "shell"),
}
"""How code blocks are marked, of languages that have several marks; others are marked with their name."""
MOST_INPUTS = 10
NO_SOLUTIONS = re.compile(r"main|_.*|test.*", re.IGNORECASE)
"""Functions beside the one that is asked for."""


class Assertions(NamedTuple):
    """Tests of a function: the source to run, and how many statements assert something of the function."""

    source: str
    number: int


def code_of(answer: str, language: str) -> str:
    """The code of an answer: all blocks marked with the language or, where none is, those without a mark; "": none.

    Of several blocks that build on each other, or of which one corrects another, the whole runs in their order.
    """
    blocks = list(code_blocks(answer))
    marks = MARKS.get(language.lower(), (language.lower(),))
    unmarked = [block.code for block in blocks if not block.language]
    # Blocks without a mark may show output.
    usable = [code for code in unmarked if is_python(code)] or unmarked if language == "python" else unmarked
    found = [block.code for block in blocks if block.language in marks] or usable
    source = "\n\n".join(code.strip("\n") for code in found if code.strip())
    return f"{source}\n" if source else ""


def main_function(source: str, instruction: str) -> ast.FunctionDef | None:
    """The function that solves a task: the last of those that it names, else the last; None: the source has none."""
    if not is_python(source):
        return None
    named = {node.name: node for node in parse(source).body if isinstance(node, ast.FunctionDef)}
    found = [node for name, node in named.items() if not NO_SOLUTIONS.fullmatch(name)]
    asked = [node for node in found if re.search(rf"(?<!\w){re.escape(node.name)}(?!\w)", instruction, re.ASCII)]
    chosen = asked or found
    return chosen[-1] if chosen else None


def signature(function: ast.FunctionDef) -> str:
    """Its first line: "def add(a: int, b: int=0) -> int"."""
    returned = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    return f"def {function.name}({ast.unparse(function.args)}){returned}"


def assertions(source: str, function: str) -> Assertions:
    """Tests of a function, without a definition or an import of it, which would be tested in its place."""
    if not is_python(source):
        return Assertions("", 0)
    kept = [node for node in parse(source).body if not _brings(node, function)]
    number = sum(isinstance(node, ast.Assert) and _calls(node, function) for node in kept)
    return Assertions("".join(f"{ast.unparse(node)}\n" for node in kept), number)


def literal_calls(source: str, function: str) -> tuple[str, ...]:
    """The arguments of the calls that are written one a line, each once, as in "[1, 2], key=3".

    Lines that are anything else, or whose arguments are not literals, are left out.
    """
    found = dict.fromkeys(arguments for line in source.splitlines() if (arguments := _arguments(line, function)))
    return tuple(found)[:MOST_INPUTS]


def _arguments(line: str, function: str) -> str:
    """Of a line that is a call of the function with literals alone; "": it is not."""
    try:
        (node,) = parse(line.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id != function:
        return ""
    arguments = ", ".join(ast.unparse(one) for one in (*call.args, *call.keywords))
    return arguments if literal_call(arguments) is not None else ""


def _brings(node: ast.stmt, function: str) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return function in {alias.asname or alias.name for alias in node.names}
    return isinstance(node, ast.FunctionDef) and node.name == function


def _calls(node: ast.AST, function: str) -> bool:
    calls = [one.func for one in ast.walk(node) if isinstance(one, ast.Call)]
    return any(isinstance(called, ast.Name) and called.id == function for called in calls)
