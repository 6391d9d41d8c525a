"""Completion: the beginning of a function is shown, the rest is asked for."""

from __future__ import annotations

import ast

from mft_sources.stdlib.definitions import Definition
from mft_sources.stdlib.examples import Example, code_lines, fenced, owner_note, pick, spoken_name

MINIMUM_CODE_LINES = 4
MAXIMUM_SOURCE = 1600
MINIMUM_RESPONSE = 20

TEMPLATES = (
    "Complete the Python function {name}. {note}Continue where the code stops and keep the indentation.\n{code}",
    "Continue this Python code. {note}Answer with the missing lines only.\n{code}",
    "Here is the beginning of {name}. {note}Write the rest of the function.\n{code}",
    "{code}\nThe function above is unfinished. {note}Write the lines that follow.",
)


def make(definition: Definition) -> Example | None:
    """Cut between two statements, the deeper ones included, or right after signature and docstring."""
    if not definition.is_function or len(definition.source) > MAXIMUM_SOURCE:
        return None
    if code_lines(definition.body) < MINIMUM_CODE_LINES:
        return None
    cuts = [cut for cut in _cuts(definition) if len("\n".join(definition.lines[cut:]).strip()) >= MINIMUM_RESPONSE]
    if not cuts:
        return None
    cut = pick(cuts, "cut", definition.source)
    shown, rest = "\n".join(definition.lines[:cut]), "\n".join(definition.lines[cut:])
    template = pick(TEMPLATES, "completion", definition.source)
    prompt = template.format(name=spoken_name(definition), note=owner_note(definition), code=fenced(shown))
    return Example(prompt, rest)


def _cuts(definition: Definition) -> list[int]:
    """How many lines may be shown: up to any statement's first line."""
    nodes = [node for statement in definition.statements for node in ast.walk(statement)]
    starts = {_first_line(node) for node in nodes if isinstance(node, ast.stmt)}
    taken = {line for node in nodes if isinstance(node, ast.stmt) for line in _continuation(node)}
    return sorted({_first_code(definition)} | {start - 1 for start in starts - taken})


def _first_code(definition: Definition) -> int:
    """How many lines stand before the body's first line that is not blank."""
    lines = enumerate(definition.lines)
    return next(index for index, line in lines if index >= definition.docstring_end and line.strip())


def _first_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _continuation(node: ast.stmt) -> range:
    """The further lines of a statement without a block: no place to cut."""
    return range(0) if hasattr(node, "body") else range(node.lineno + 1, (node.end_lineno or node.lineno) + 1)
