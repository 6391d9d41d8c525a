"""Functions and classes of a module, each with its source as if it stood alone."""

from __future__ import annotations

import ast
import re
import textwrap
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from typing import TypeAlias

FunctionNode: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef"
DefinitionNode: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef"

# Longer ones make no sample of a sensible size; leaving them out early saves most of the time.
MAXIMUM_SOURCE = 6000
MINIMUM_LINES = 4
_MULTILINE_STRING = re.compile(r"\"{3}|'{3}|\\\n")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class _LeftOutError(Exception):
    """Why a definition is left out."""


@dataclass(frozen=True, slots=True)
class ClassContext:
    """What a method may rely on.

    Attributes:
        header: such as "class Fraction(numbers.Rational)".
        attributes: names assigned on `self` in `__init__`, in order.
        methods: names of the other methods, in order.
    """

    header: str
    attributes: tuple[str, ...]
    methods: tuple[str, ...]


@dataclass(frozen=True)
class Definition:
    """A function, a method or a class.

    Attributes:
        module: dotted name, such as "json.decoder".
        qualname: such as "JSONDecoder.decode".
        source: its lines, indented as at the top level, without a line end at the end.
        node: `source`, parsed.
        owner: the class a method belongs to.
        imports: what each name at the module's top level is imported by, such as {"Decimal": "from decimal import
            Decimal"}; names the module defines itself are imported from it.
    """

    module: str
    qualname: str
    source: str
    node: DefinitionNode
    owner: ClassContext | None
    imports: dict[str, str]

    @cached_property
    def lines(self) -> list[str]:
        """The lines of `source`."""
        return self.source.split("\n")

    @cached_property
    def docstring(self) -> str:
        """The docstring without indentation; "" where there is none."""
        return (ast.get_docstring(self.node) or "").strip()

    @cached_property
    def statements(self) -> list[ast.stmt]:
        """The body's statements without the docstring."""
        return self.node.body[1:] if _has_docstring(self.node) else self.node.body

    @cached_property
    def signature_end(self) -> int:
        """How many of `lines` decorators and signature take."""
        seen = False
        for token in tokenize.generate_tokens(StringIO(self.source).readline):
            seen = seen or (token.type == tokenize.NAME and token.string in ("def", "class"))
            if seen and token.type == tokenize.NEWLINE:
                return token.start[0]
        raise AssertionError(f"{self.module}.{self.qualname} has no end of its signature")

    @cached_property
    def docstring_end(self) -> int:
        """How many of `lines` stand before the code: decorators, signature and docstring."""
        return (self.node.body[0].end_lineno or 0) if _has_docstring(self.node) else self.signature_end

    @property
    def signature(self) -> str:
        """Decorators and signature."""
        return "\n".join(self.lines[: self.signature_end])

    @property
    def body(self) -> str:
        """The code after signature and docstring, indented."""
        return "\n".join(self.lines[self.docstring_end :]).strip("\n")

    @property
    def undocumented(self) -> str:
        """The source without the docstring."""
        return f"{self.signature}\n{self.body}"

    @property
    def is_function(self) -> bool:
        """Whether this is a function or a method, not a class."""
        return isinstance(self.node, FUNCTIONS)

    @cached_property
    def normalized(self) -> str:
        """Equal for copies that differ in docstring, comments and spacing only."""
        return "".join(re.sub(r"#.*", "", self.undocumented).split())


def parse(source: str) -> ast.Module:
    """`ast.parse`, silent about faults of style in the library's own source."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def find_definitions(module: str, source: str, skipped: Counter[str]) -> Iterator[Definition]:
    """Functions, methods and classes of a module in the order of its lines; functions inside functions are not listed.

    Args:
        module: dotted name.
        source: the module's text.
        skipped: counts what is left out, by reason.

    Raises:
        SyntaxError: the module does not parse.
    """
    tree = parse(source)
    lines = source.split("\n")
    imports = _imports(module, tree)
    for node, qualname, owner in _walk(tree.body, "", None):
        try:
            text, alone = _standalone(node, lines)
        except _LeftOutError as reason:
            skipped[str(reason)] += 1
        else:
            yield Definition(module, qualname, text, alone, owner, imports)


def _walk(
    body: list[ast.stmt], prefix: str, owner: ClassContext | None
) -> Iterator[tuple[DefinitionNode, str, ClassContext | None]]:
    for node in body:
        if isinstance(node, FUNCTIONS):
            yield node, prefix + node.name, owner
        elif isinstance(node, ast.ClassDef):
            yield node, prefix + node.name, owner
            yield from _walk(node.body, f"{prefix}{node.name}.", _class_context(node))
        else:
            for block in _blocks(node):
                yield from _walk(block, prefix, owner)


def _blocks(node: ast.stmt) -> list[list[ast.stmt]]:
    if isinstance(node, ast.Try):
        return [node.body, *(handler.body for handler in node.handlers), node.orelse, node.finalbody]
    if isinstance(node, ast.If):
        return [node.body, node.orelse]
    return [node.body] if isinstance(node, ast.With) else []


def _class_context(node: ast.ClassDef) -> ClassContext:
    bases = ", ".join(ast.unparse(base) for base in [*node.bases, *(keyword.value for keyword in node.keywords)])
    functions = [inner for inner in node.body if isinstance(inner, FUNCTIONS)]
    attributes: dict[str, None] = {}
    for function in functions:
        if function.name == "__init__":
            attributes.update(dict.fromkeys(_assigned_attributes(function)))
    methods = dict.fromkeys(function.name for function in functions if function.name != "__init__")
    return ClassContext(f"class {node.name}" + (f"({bases})" if bases else ""), tuple(attributes), tuple(methods))


def _assigned_attributes(function: FunctionNode) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            yield node.attr


def _standalone(node: DefinitionNode, lines: list[str]) -> tuple[str, DefinitionNode]:
    """The definition's text and tree as if it stood at the top level.

    Raises:
        _LeftOutError: it cannot, or no task could use it.
    """
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    block = lines[first - 1 : node.end_lineno]
    reason = _unusable(node, block)
    if reason:
        raise _LeftOutError(reason)
    text = textwrap.dedent("\n".join(line.rstrip() for line in block))
    try:
        alone = _parse_one(text)
    except SyntaxError:
        raise _LeftOutError("does not parse on its own") from None
    code = text.split("\n")[(alone.body[0].end_lineno or 0) if _has_docstring(alone) else 0 :]
    if _MULTILINE_STRING.search("\n".join(code)) and _strings(node) != _strings(alone):
        raise _LeftOutError("has a multi-line string that moving would change")
    return text, alone


def _unusable(node: DefinitionNode, block: list[str]) -> str:
    """Why no task could use a definition with these lines; "" where one could."""
    if isinstance(node, ast.ClassDef) and ">>> " not in (ast.get_docstring(node) or ""):
        return "class without examples"
    if len(block) < MINIMUM_LINES:
        return f"shorter than {MINIMUM_LINES} lines"
    if isinstance(node, FUNCTIONS) and sum(map(len, block)) > MAXIMUM_SOURCE:
        return f"longer than {MAXIMUM_SOURCE} characters"
    if node.body[0].lineno == node.lineno:
        return "body on the line of the signature"
    if any("```" in line or "\f" in line for line in block):
        return "contains a code fence or a form feed"
    return ""


def _parse_one(text: str) -> DefinitionNode:
    node = parse(text).body[0]
    assert isinstance(node, (*FUNCTIONS, ast.ClassDef))
    return node


def _strings(node: DefinitionNode) -> list[object]:
    statements = node.body[1:] if _has_docstring(node) else node.body
    return [
        inner.value
        for statement in statements
        for inner in ast.walk(statement)
        if isinstance(inner, ast.Constant) and isinstance(inner.value, (str, bytes))
    ]


def _has_docstring(node: DefinitionNode) -> bool:
    first = node.body[0]
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


def _imports(module: str, tree: ast.Module) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            found.update({_bound(alias): f"import {_spelt(alias)}" for alias in node.names})
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.update({_bound(alias): f"from {node.module} import {_spelt(alias)}" for alias in node.names})
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            found[node.name] = f"from {module} import {node.name}"
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            found.update({name: f"from {module} import {name}" for name in names})
    return found


def _bound(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _spelt(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name
