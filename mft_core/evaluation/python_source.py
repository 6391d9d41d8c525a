"""The program in what a chat model answers: between fences or among prose, whole or cut off."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Iterator, Sequence

from mft_core.evaluation.code_blocks import PYTHON, code_blocks
from mft_core.evaluation.python_parsing import is_python, parse, parsing_part
from mft_core.support.thoughts import without_thought

POST_PROCESSING = "what the function needs of all code blocks, without examples (rule 2)"
"""What `extract_code` does, for protocols: to be changed with it, so that scores of two rules are told apart."""

BEGINNING = re.compile(r"^(?:import |from |def |async def |class |@|try:)", re.MULTILINE)
SHOWING = ("print", "pprint", "pprint.pprint", "display", "main", "test", "check", "unittest.main", "doctest.testmod")
"""Calls of these alone are examples; so are those of the function asked for and of tests."""


def extract_code(text: str, entry_point: str) -> str:
    """The program that an answer gives for a function.

    Of several code blocks that define it, the last counts (models correct themselves), after all blocks before it, and
    with those after it that define a name which is missing. At the top level everything stays but examples: asserts,
    prints, calls of the function and of tests, what only does these, and `if __name__ == "__main__"`. What stands
    behind a syntax error is left out, as is a thought before the answer.

    Args:
        text: the answer.
        entry_point: the function that is asked for.

    Returns:
        Python source; the text itself where nothing in it is Python.
    """
    said = without_thought(text)
    blocks = [block.code for block in code_blocks(said) if block.language in PYTHON]
    programs = [program for block in (blocks or _bare(said)) if (program := parsing_part(block))]
    trees = [parse(program) for program in programs]
    own = [[node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)] for tree in trees]
    defining = [number for number, nodes in enumerate(own) if entry_point in _defined(nodes)]
    if not defining:
        return "\n".join(programs) or (blocks[0] if blocks else text)
    for number in defining[:-1]:
        trees[number].body = [node for node in trees[number].body if getattr(node, "name", "") != entry_point]
    chosen = _needed(trees, defining[-1])
    kept = [_without_examples(programs[number], trees[number], entry_point) for number in chosen]
    return "\n".join(program for program in kept if program)


def _bare(text: str) -> list[str]:
    """An answer without fences: all of it, or what begins with the first definition."""
    if is_python(text):
        return [text]
    match = BEGINNING.search(text)
    return [text[match.start() :]] if match else []


def _needed(trees: Sequence[ast.Module], last: int) -> list[int]:
    """The blocks up to the last that defines the function, and those after it that define what these lack."""
    chosen = [number for number in range(last + 1) if _defined(trees[number].body)]
    known, read = set(vars(builtins)), set[str]()
    for number in (*chosen, *range(last + 1, len(trees))):
        tree = trees[number]
        if number > last:
            if not (read - known) & _defined(tree.body):
                continue
            chosen.append(number)
        known |= _defined(ast.walk(tree))
        read |= _read(tree.body)
    return chosen


def _without_examples(source: str, tree: ast.Module, entry_point: str) -> str:
    kept = [node for node in tree.body if not _is_example(node, entry_point)]
    tried = {node for node in kept if _tries(node, entry_point)}
    used = _read(node for node in kept if node not in tried)
    needed = [node for node in kept if node not in tried or not used.isdisjoint(_defined([node]))]
    numbers = {number for node in needed for number in range(_first_line(node), (node.end_lineno or 0) + 1)}
    return "".join(f"{line}\n" for number, line in enumerate(source.split("\n"), 1) if number in numbers)


def _is_example(node: ast.stmt, entry_point: str) -> bool:
    """Whether a statement at the top level only shows what the program does, or cannot stand behind other code."""
    if isinstance(node, ast.Assert | ast.Pass) or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
        return True
    if isinstance(node, ast.Expr):
        calls = [one for one in ast.walk(node) if isinstance(one, ast.Call)]
        return not calls or any(_shows(call, entry_point) for call in calls)
    if isinstance(node, ast.If) and "__name__" in _read([node.test]):
        return True
    if isinstance(node, ast.If | ast.For | ast.While | ast.With | ast.Try):
        body = _body(node)
        shown = all(_tries(one, entry_point) or _is_example(one, entry_point) for one in body)
        return shown and not all(isinstance(one, ast.Pass) for one in body)
    return False


def _body(node: ast.stmt) -> list[ast.stmt]:
    """The statements in a compound one, those of all its branches."""
    found: list[ast.stmt] = []
    for child in ast.iter_child_nodes(node):
        found += child.body if isinstance(child, ast.ExceptHandler) else [child] if isinstance(child, ast.stmt) else []
    return found


def _shows(call: ast.Call, entry_point: str) -> bool:
    called = call.func
    if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
        return f"{called.value.id}.{called.attr}" in SHOWING
    return isinstance(called, ast.Name) and (
        called.id in (*SHOWING, entry_point) or called.id.startswith(("test_", "run_test"))
    )


def _tries(node: ast.stmt, entry_point: str) -> bool:
    """Whether a statement keeps what the function gives for an example, or what a user types."""
    if not isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) or not _defined([node]):
        return False
    called = [one.func for one in ast.walk(node) if isinstance(one, ast.Call)]
    return any(isinstance(function, ast.Name) and function.id in (entry_point, "input") for function in called)


def _read(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that are read anywhere in the nodes."""
    inside = (one for node in nodes for one in ast.walk(node))
    return {one.id for one in inside if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}


def _defined(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that the nodes define, bind or import, themselves or in a compound statement."""
    return {name for node in nodes for name in _names(node)}


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.stmt | ast.ExceptHandler):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt | ast.ExceptHandler | ast.Name | ast.Tuple | ast.List):
                yield from _names(child)
    elif isinstance(node, ast.Tuple | ast.List):
        yield from (name for one in node.elts for name in _names(one))


def _first_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])
