"""A function of a Python file with all that it needs of that file, so that it runs alone."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator
from dataclasses import dataclass

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
KNOWN = {*vars(builtins), "__name__", "__file__", "__doc__"}


class NotAloneError(Exception):
    """Why a function cannot stand alone, in the words it is counted by."""


@dataclass(frozen=True, slots=True)
class Needed:
    """A module cut down to what one of its functions needs.

    Attributes:
        before: imports, constants, classes and functions, in their order; "": none.
        own: the function with its decorators.
    """

    before: str
    own: str

    @property
    def source(self) -> str:
        """A module that defines the function last."""
        return f"{self.before}\n\n\n{self.own}\n" if self.before else f"{self.own}\n"


class PythonModule:
    """A parsed file, in which names are looked up.

    Args:
        source: its text.
        tree: the same, parsed.
    """

    def __init__(self, source: str, tree: ast.Module) -> None:
        self._lines = source.split("\n")
        self._places: dict[str, list[int]] = {}
        self._body = tree.body
        for number, node in enumerate(tree.body):
            for name in bound_names(node):
                self._places.setdefault(name, []).append(number)

    def text(self, node: ast.stmt) -> str:
        """The lines of a statement, decorators included."""
        first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
        return "\n".join(line.rstrip() for line in self._lines[first - 1 : node.end_lineno])

    def needed(self, function: ast.FunctionDef) -> Needed:
        """What a function at the top level needs.

        Raises:
            NotAloneError: it imports what is no part of Python, or needs what is not in the file.
        """
        own = self._body.index(function)
        chosen: set[int] = set()
        left = [own]
        while left:
            number = left.pop()
            if number in chosen:
                continue
            chosen.add(number)
            _refuse_foreign(self._body[number])
            for name in read_names(self._body[number]):
                if name in self._places:
                    left += self._places[name]
                elif name not in KNOWN:
                    raise NotAloneError("code: it needs what is not in its file")
        future = [number for number, node in enumerate(self._body) if _is_future(node)]
        before = [self.text(self._body[number]) for number in sorted({*chosen, *future} - {own})]
        return Needed("\n".join(before), self.text(function))


def bound_names(node: ast.stmt) -> set[str]:
    """Names that a statement at the top level defines, whichever of its branches is taken."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return {node.name}
    return set(_stored(node))


def read_names(node: ast.stmt) -> set[str]:
    """Names that a statement reads and does not bind itself, anywhere in it."""
    inside = list(ast.walk(node))
    read = {one.id for one in inside if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}
    bound = {one.arg for one in inside if isinstance(one, ast.arg)}
    for one in inside:
        if one is not node and isinstance(one, (ast.stmt, ast.ExceptHandler, ast.comprehension, ast.NamedExpr)):
            bound |= {one.name} if isinstance(one, (*FUNCTIONS, ast.ClassDef)) else set(_stored(one))
        elif isinstance(one, (ast.MatchAs, ast.MatchStar)) and one.name:
            bound.add(one.name)
    own = bound_names(node)
    return read - bound - own


def _stored(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            yield one.id
        elif isinstance(one, (ast.Import, ast.ImportFrom)):
            yield from ((alias.asname or alias.name.partition(".")[0]) for alias in one.names)
        elif isinstance(one, (*FUNCTIONS, ast.ClassDef, ast.ExceptHandler)) and one.name:
            yield one.name


def _refuse_foreign(node: ast.stmt) -> None:
    for one in ast.walk(node):
        if isinstance(one, ast.ImportFrom):
            modules = ["" if one.level else str(one.module)]
        elif isinstance(one, ast.Import):
            modules = [alias.name for alias in one.names]
        else:
            continue
        if any(module.partition(".")[0] not in sys.stdlib_module_names for module in modules):
            raise NotAloneError("code: it imports what is no part of Python")


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"
