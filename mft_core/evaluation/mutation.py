"""Wrong variants of right Python functions and classes: each differs in one operator, constant, condition or returned
value."""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Iterator

from mft_core.evaluation.python_parsing import parse

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
}


def mutants(source: str, function: str, seed: str) -> Iterator[str]:
    """Variants of a module, in an order drawn with the seed; the last one has the function return None at once.

    Args:
        source: a Python module.
        function: only what this function does is changed; or this class, all of whose methods return None at last, but
            for those with names such as `__init__`.
        seed: the same gives the same variants in the same order.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it is no Python.
        LookupError: it does not define the function.
    """
    places = [number for number, node in enumerate(ast.walk(_definition(parse(source), function))) if _changed(node)]
    random.Random(seed).shuffle(places)
    for place in places:
        yield _variant(source, function, place)
    tree = parse(source)
    for emptied in _functions(_definition(tree, function)):
        emptied.body = [ast.Return(ast.Constant(None))]
    yield ast.unparse(ast.fix_missing_locations(tree))


def _definition(tree: ast.Module, name: str) -> Definition:
    found = [node for node in tree.body if isinstance(node, Definition) and node.name == name]
    if not found:
        raise LookupError(f"there is no {name!r}")
    return found[-1]


def _functions(definition: Definition) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The function itself, or the methods of the class."""
    if not isinstance(definition, ast.ClassDef):
        return [definition]
    methods = (node for node in definition.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return [method for method in methods if not method.name.startswith("__")]


def _variant(source: str, function: str, place: int) -> str:
    tree = parse(source)
    for number, node in enumerate(ast.walk(_definition(tree, function))):
        if number == place and (changed := _changed(node)):
            node.__dict__.update(changed.__dict__)
    return ast.unparse(ast.fix_missing_locations(tree))


def _changed(node: ast.AST) -> ast.AST | None:
    """The node with something else in it; None where there is nothing to change."""
    other = copy.copy(node)
    if isinstance(other, ast.Compare) and type(other.ops[0]) in COMPARISONS:
        other.ops = [COMPARISONS[type(other.ops[0])](), *other.ops[1:]]
    elif isinstance(other, ast.BinOp | ast.AugAssign) and type(other.op) in OPERATORS:
        other.op = OPERATORS[type(other.op)]()
    elif isinstance(other, ast.BoolOp):
        other.op = ast.Or() if isinstance(other.op, ast.And) else ast.And()
    elif isinstance(other, ast.Constant) and isinstance(other.value, bool):
        other.value = not other.value
    elif isinstance(other, ast.Constant) and isinstance(other.value, int | float):
        other.value += 1
    elif isinstance(other, ast.If | ast.While | ast.IfExp):
        other.test = ast.UnaryOp(ast.Not(), other.test)
    else:
        return None
    return other
