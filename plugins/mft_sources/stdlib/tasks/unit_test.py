"""Unit test: a function or class without its examples is shown, tests made of the examples are asked for."""

from __future__ import annotations

import ast
import doctest
from collections.abc import Sequence

from mft_sources.stdlib.definitions import FUNCTIONS, Definition
from mft_sources.stdlib.doctests import as_doctest, as_test_function, names_used, split_docstring
from mft_sources.stdlib.examples import Example, fenced, pick, spoken_name

MAXIMUM_CODE = 1200
MAXIMUM_TESTS = 900

PYTEST_TEMPLATES = (
    "Write a pytest test for {name}.\n{code}",
    "Test this Python code with a pytest function.\n{code}",
    "{code}\nWrite a unit test (pytest, plain assertions) for {name}.",
)
DOCTEST_TEMPLATES = (
    "Write doctest examples for {name}.\n{code}",
    "{code}\nTest the code above with a doctest.",
    "Show in a doctest how {name} behaves.\n{code}",
)


def make(definition: Definition) -> Example | None:
    """Only definitions whose examples use them; assertions where the examples allow it, else a doctest."""
    prose, examples = split_docstring(definition.docstring)
    examples = _fitting(examples)
    if not any(example.want for example in examples) or names_used(examples).isdisjoint(definition.qualname.split(".")):
        return None
    code = _shown(definition, prose)
    if len(code) > MAXIMUM_CODE:
        return None
    test = as_test_function(definition.qualname, examples, definition.imports)
    templates = PYTEST_TEMPLATES if test else DOCTEST_TEMPLATES
    prompt = pick(templates, "unit_test", definition.source).format(name=spoken_name(definition), code=fenced(code))
    return Example(prompt, fenced(test or as_doctest(examples)))


def _fitting(examples: Sequence[doctest.Example]) -> list[doctest.Example]:
    """The first ones: later examples may need earlier ones, never the other way round."""
    kept: list[doctest.Example] = []
    for example in examples:
        if len(as_doctest([*kept, example])) > MAXIMUM_TESTS:
            break
        kept.append(example)
    return kept


def _shown(definition: Definition, prose: str) -> str:
    """The definition without the examples of its docstring; a body that is long, or holds examples too, is left out."""
    documented = definition.signature + _docstring(prose)
    whole = f"{documented}\n{definition.body}"
    if len(whole) <= MAXIMUM_CODE and ">>> " not in whole:
        return whole
    if definition.is_function:
        return f"{documented}\n    ..."
    methods = (node for node in definition.node.body if isinstance(node, FUNCTIONS))
    return "\n".join([documented, *(_outline(node) for node in methods)])


def _docstring(prose: str) -> str:
    if not prose:
        return ""
    indented = "\n    ".join(prose.split("\n")).replace("\n    \n", "\n\n")
    prefix = "r" if "\\" in prose else ""
    return f'\n    {prefix}"""{indented}\n    """' if "\n" in prose else f'\n    {prefix}"""{indented}"""'


def _outline(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"    def {node.name}({ast.unparse(node.args)}){returns}: ..."
