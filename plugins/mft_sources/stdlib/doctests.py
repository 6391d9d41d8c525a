"""Examples in docstrings, as test functions with assertions or as doctests."""

from __future__ import annotations

import ast
import builtins
import doctest
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeGuard

from mft_sources.stdlib.definitions import FUNCTIONS, parse

# Lines that announce examples; without the examples they say nothing.
_ANNOUNCEMENT = re.compile(r"(?i)^\W*(for )?(an )?(simple )?(doc)?(example|test)s?( usage| session)?\W*$")
# Their value must stand in parentheses before "==".
_LOOSE = (ast.Compare, ast.BoolOp, ast.IfExp, ast.Lambda, ast.NamedExpr, ast.Await, ast.Starred)
_LITERAL = (
    ast.Expression, ast.Constant, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.UnaryOp, ast.USub, ast.Call, ast.Name,
    ast.Load, ast.keyword,
)  # fmt: skip
_BUILTINS = frozenset(dir(builtins))


class _NotAssertableError(Exception):
    """An example says something that no plain assertion says."""


def split_docstring(docstring: str) -> tuple[str, list[doctest.Example]]:
    """A docstring's prose and its examples; ("", []) where doctest cannot read it."""
    try:
        parts = doctest.DocTestParser().parse(docstring)
    except ValueError:
        return "", []
    texts = [part for part in parts if isinstance(part, str)]
    lines = [line for line in "\n".join(texts).split("\n") if not _ANNOUNCEMENT.match(line)]
    prose = re.sub(r"\n\s*\n+", "\n\n", "\n".join(lines)).strip()
    return prose, [part for part in parts if isinstance(part, doctest.Example)]


def as_doctest(examples: Sequence[doctest.Example]) -> str:
    """The examples as they stand in a docstring."""
    return "\n".join(_prompted(example.source) + example.want for example in examples).replace("\n\n", "\n").strip("\n")


def names_used(examples: Sequence[doctest.Example]) -> set[str]:
    """Names and attribute names that the examples' code mentions."""
    return {name for example in examples for name in re.findall(r"[A-Za-z_]\w*", example.source)}


def as_test_function(name: str, examples: Sequence[doctest.Example], imports: Mapping[str, str]) -> str | None:
    """A pytest function that asserts what the examples show.

    Args:
        name: of the function under test.
        examples: in order; later ones may use names that earlier ones bind.
        imports: what each name of the module is imported by.

    Returns:
        None where an example shows something that cannot be asserted plainly, such as printed output.
    """
    try:
        lines = [line for example in examples for line in _assertion(example)]
        head = _needed_imports("\n".join(lines), imports)
    except (_NotAssertableError, SyntaxError):
        return None
    if not any(line.startswith(("assert ", "with pytest")) for line in lines):
        return None
    body = "\n".join(f"    {line}" for statement in lines for line in statement.split("\n"))
    title = re.sub(r"[\W_]+", "_", name).strip("_").lower()
    return "\n".join([*head, *([""] * 2 if head else []), f"def test_{title}():", body])


def _prompted(source: str) -> str:
    first, *others = source.rstrip("\n").split("\n")
    return "\n".join([f">>> {first}", *(f"... {line}".rstrip() for line in others)]) + "\n"


def _assertion(example: doctest.Example) -> list[str]:
    if example.options or "doctest:" in example.source:
        raise _NotAssertableError
    tree = parse(example.source)
    code = example.source.strip() if "\n" not in example.source.strip() else ast.unparse(tree)
    if example.exc_msg is not None:
        return [f"with pytest.raises({_exception(example.exc_msg)}):", f"    {_one_line(code)}"]
    if not example.want:
        return [code]
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.Expr):
        raise _NotAssertableError
    return [_claim(tree.body[0].value, example.want.strip("\n"))]


def _one_line(code: str) -> str:
    if "\n" in code:
        raise _NotAssertableError
    return code


def _claim(value: ast.expr, want: str) -> str:
    """The assertion that `value` shows `want` at the prompt."""
    code = ast.unparse(value)
    if _calls(value, "print"):
        return f"assert {_printed(value)} == {want.replace('<BLANKLINE>', '')!r}"
    if _calls(value, "pprint"):
        raise _NotAssertableError
    want = " ".join(want.split())
    if want in ("True", "False"):
        plain = code if want == "True" or isinstance(value, ast.Call) else f"({code})"
        return f"assert {plain}" if want == "True" else f"assert not {plain}"
    if isinstance(value, _LOOSE) or (isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not)):
        code = f"({code})"
    literal = _literal(want)
    # NaN equals nothing, not even itself.
    return f"assert repr({code}) == {literal!r}" if "NaN" in literal else f"assert {code} == {literal}"


def _calls(value: ast.expr, name: str) -> TypeGuard[ast.Call]:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == name


def _printed(call: ast.Call) -> str:
    if len(call.args) != 1 or call.keywords:
        raise _NotAssertableError
    return f"str({ast.unparse(call.args[0])})"


def _literal(want: str) -> str:
    """What was printed, if it is exactly what a value of builtin or named types prints."""
    tree = ast.parse(want, mode="eval")
    plain = all(isinstance(node, _LITERAL) for node in ast.walk(tree))
    if not plain or ast.unparse(tree) != want or "..." in want:
        raise _NotAssertableError
    return want


def _exception(message: str) -> str:
    name = message.partition(":")[0].strip()
    if not isinstance(getattr(builtins, name, None), type):
        raise _NotAssertableError
    return name


def _needed_imports(code: str, imports: Mapping[str, str]) -> list[str]:
    """Import lines for the free names of `code`, one per module."""
    modules: dict[str, set[str]] = defaultdict(set)
    for name in _free_names(parse(code)) - {"pytest"}:
        if name not in imports and name in _BUILTINS:
            continue
        if name not in imports:
            raise _NotAssertableError
        head, _, imported = imports[name].rpartition("import ")
        modules[head].add(imported)
    lines = [f"{head}import {', '.join(sorted(names))}" for head, names in modules.items() if head]
    lines += [f"import {name}" for name in modules.get("", ())]
    return [*sorted(lines), *(["import pytest"] if "pytest." in code else [])]


def _free_names(tree: ast.Module) -> set[str]:
    loaded: set[str] = set()
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (loaded if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.alias):
            bound.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
    return loaded - bound
