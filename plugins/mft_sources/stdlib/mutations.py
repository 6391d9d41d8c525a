"""One mistake in a function, made in its text, so that layout and comments do not give it away."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from mft_sources.stdlib.definitions import FUNCTIONS, Definition, parse
from mft_sources.stdlib.examples import pick

COMPARISONS = {
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.Is: ("is", "is not"), ast.IsNot: (r"is\s+not", "is"),
    ast.In: ("in", "not in"), ast.NotIn: (r"not\s+in", "in"),
}  # fmt: skip
OPERATORS = {ast.Add: (r"\+", "-"), ast.Sub: ("-", "+"), ast.Mult: (r"\*", "+"), ast.FloorDiv: ("//", "*")}
LOOKALIKES = {
    "append": "extend", "extend": "append", "startswith": "endswith", "endswith": "startswith",
    "lstrip": "rstrip", "rstrip": "lstrip", "find": "rfind", "rfind": "find", "keys": "values", "values": "keys",
    "lower": "upper", "upper": "lower", "min": "max", "max": "min", "any": "all", "all": "any",
}  # fmt: skip
LARGEST_CONSTANT = 10


class Edit(NamedTuple):
    """Put `text` in the place of characters start..end of the source."""

    start: int
    end: int
    text: str


class Text:
    """A definition's source, addressed by syntax nodes."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._lines = source.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def span(self, node: ast.expr) -> tuple[int, int]:
        """First character and the one after the last."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._offset(node.lineno, node.col_offset), self._offset(node.end_lineno, node.end_col_offset)

    def of(self, node: ast.expr) -> str:
        """The text of `node`."""
        start, end = self.span(node)
        return self.source[start:end]

    def between(self, left: ast.expr, right: ast.expr, pattern: str, replacement: str) -> Iterator[Edit]:
        """The edit of the operator `pattern` that stands between two operands."""
        start, end = self.span(left)[1], self.span(right)[0]
        found = re.fullmatch(rf"([\s)\\]*)({pattern})[\s(\\]*", self.source[start:end])
        if found:
            yield Edit(start + found.start(2), start + found.end(2), replacement)

    def _offset(self, line: int, utf8_column: int) -> int:
        prefix = self._lines[line - 1].encode()[:utf8_column]
        return self._starts[line - 1] + len(prefix.decode())


def mutate(definition: Definition) -> str | None:
    """The definition's source with one mistake; None where no mistake can be made.

    The kind of mistake is chosen first, so that rare kinds are not drowned by frequent ones.
    """
    text = Text(definition.source)
    nodes = [node for statement in definition.statements for node in ast.walk(statement)]
    found = {kind: [edit for node in nodes for edit in find(node, text)] for kind, find in KINDS.items()}
    found["wrong name"] = list(_returned_names(nodes, text))
    kinds = [kind for kind, edits in found.items() if edits]
    if not kinds:
        return None
    edit = pick(found[pick(kinds, "kind", definition.source)], "edit", definition.source)
    broken = definition.source[: edit.start] + edit.text + definition.source[edit.end :]
    return broken if _is_other_program(definition.source, broken) else None


def _is_other_program(source: str, broken: str) -> bool:
    try:
        return ast.dump(parse(broken)) != ast.dump(parse(source))
    except SyntaxError:
        return False


def _comparison(node: ast.AST, text: Text) -> Iterator[Edit]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        pattern, replacement = COMPARISONS[type(node.ops[0])]
        yield from text.between(node.left, node.comparators[0], pattern, replacement)


def _boolean(node: ast.AST, text: Text) -> Iterator[Edit]:
    if isinstance(node, ast.BoolOp):
        pattern, replacement = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        yield from text.between(node.values[0], node.values[1], pattern, replacement)


def _arithmetic(node: ast.AST, text: Text) -> Iterator[Edit]:
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS and not (_is_text(node.left) or _is_text(node.right)):
        pattern, replacement = OPERATORS[type(node.op)]
        yield from text.between(node.left, node.right, pattern, replacement)


def _is_text(node: ast.expr) -> bool:
    return any(
        isinstance(inner, ast.JoinedStr) or (isinstance(inner, ast.Constant) and isinstance(inner.value, (str, bytes)))
        for inner in ast.walk(node)
    )


def _constant(node: ast.AST, text: Text) -> Iterator[Edit]:
    """Off by one, where numbers count something: in an index, a slice, a comparison, a sum, a range."""
    if isinstance(node, ast.Call):
        places = node.args if isinstance(node.func, ast.Name) and node.func.id == "range" else []
    elif isinstance(node, ast.Subscript):
        places = [node.slice]
    elif isinstance(node, ast.Slice):
        places = [place for place in (node.lower, node.upper) if place]
    elif isinstance(node, ast.Compare):
        places = node.comparators
    else:
        places = [node.left, node.right] if isinstance(node, ast.BinOp) else []
    for place in places:
        if isinstance(place, ast.Constant) and type(place.value) is int and place.value <= LARGEST_CONSTANT:
            for value in {place.value + 1, max(place.value - 1, 0)} - {place.value}:
                yield Edit(*text.span(place), str(value))


def _negation(node: ast.AST, text: Text) -> Iterator[Edit]:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        start = text.span(node)[0]
        yield Edit(start, start + len(re.match(r"not\s*", text.source[start:]).group()), "")  # type: ignore[union-attr]


def _truth(node: ast.AST, text: Text) -> Iterator[Edit]:
    if isinstance(node, (ast.Return, ast.Assign)) and isinstance(node.value, ast.Constant):
        value = node.value.value
        if isinstance(value, bool):
            yield Edit(*text.span(node.value), str(not value))


def _lookalike(node: ast.AST, text: Text) -> Iterator[Edit]:
    if not isinstance(node, ast.Call):
        return
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in LOOKALIKES:
        end = text.span(function)[1]
        yield Edit(end - len(name), end, LOOKALIKES[name])


def _swapped(node: ast.AST, text: Text) -> Iterator[Edit]:
    """Two neighbouring arguments, or the operands of - and //, in the wrong order."""
    if isinstance(node, ast.Call):
        pairs = list(zip(node.args, node.args[1:], strict=False))
    else:
        uneven = isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Sub, ast.FloorDiv))
        pairs = [(node.left, node.right)] if uneven else []  # type: ignore[attr-defined]
    for left, right in pairs:
        if _is_simple(left) and _is_simple(right) and text.of(left) != text.of(right):
            (start, left_end), (right_start, end) = text.span(left), text.span(right)
            yield Edit(start, end, text.of(right) + text.source[left_end:right_start] + text.of(left))


def _is_simple(node: ast.expr) -> bool:
    return isinstance(node, (ast.Name, ast.Attribute, ast.Constant, ast.Subscript)) and node.lineno == node.end_lineno


def _returned_names(nodes: list[ast.AST], text: Text) -> Iterator[Edit]:
    """`return a` where another local name was meant."""
    if any(isinstance(node, (*FUNCTIONS, ast.Lambda)) for node in nodes):
        return
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in nodes:
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Name):
            for name in sorted(stored - {node.value.id}):
                yield Edit(*text.span(node.value), name)


KINDS: dict[str, Callable[[ast.AST, Text], Iterator[Edit]]] = {
    "comparison": _comparison,
    "boolean operator": _boolean,
    "arithmetic operator": _arithmetic,
    "off by one": _constant,
    "lost negation": _negation,
    "opposite truth value": _truth,
    "lookalike": _lookalike,
    "swapped": _swapped,
}
