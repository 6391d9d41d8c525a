"""Tests for the user's functions, which must pass on them and fail on mutants of them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable

from mft_core.evaluation.python_parsing import parse
from mft_core.making.author import ASSISTANT, USER, Author
from mft_core.making.draft import Code, Draft, Refused, Seed
from mft_core.records import Turn
from mft_makers.answers import code_in
from mft_makers.code_files import Snippet
from mft_makers.over_code import OverCode, OverCodeOptions
from mft_makers.programming_languages import fenced
from mft_makers.prompted import spoken_values


class UnitTests(OverCode[OverCodeOptions]):
    """A Python function of the user, with what it needs of its file, and assertions on it that the model writes.

    The filters of execution then run the assertions on the function, and on mutants of it: tests that a wrong variant
    passes as well are not kept.
    """

    name = "tests"
    questions_per_seed = 1.0

    def unusable(self, snippet: Snippet) -> str:
        """All but Python functions that stand alone."""
        return "" if snippet.alone else "no Python function that stands alone"

    def shown(self, snippet: Snippet) -> str:
        """With what it needs."""
        return snippet.whole

    def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
        """One record.

        Raises:
            Refused: "the tests do not parse", "the tests assert nothing", "the tests never call the function", "the
                tests define the function", "the tests import what is no part of Python", or the model refused.
        """
        name, code = seed.facts["name"], fenced(seed.text, "python")
        asked = self.question("tests", spoken_values("python"), name=name, code=code)
        written = assertions_of(code_in(author.ask("tests", asked)), name)
        request = self.lines("requests")[seed.facts["request"]].format(name=f"`{name}`")
        turns = (Turn(USER, f"{request}\n\n{code}"), Turn(ASSISTANT, fenced(written, "python")))
        return [Draft(turns, Code(f"{seed.text}\n", "python", name, f"{written}\n"), seed.topic, worded=False)]


def assertions_of(source: str, function: str) -> str:
    """The tests that a model wrote, without imports of the function from a module that nobody has.

    Raises:
        Refused: they are no tests of the function.
    """
    try:
        tree = parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Refused("the tests do not parse", str(error)) from error
    own = [node for node in tree.body if isinstance(node, ast.ImportFrom) and _brings(node, function)]
    nodes = [inside for node in tree.body if node not in own for inside in ast.walk(node)]
    if any(isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == function for node in nodes):
        raise Refused("the tests define the function")
    if not any(isinstance(node, (ast.Assert, ast.Raise)) for node in nodes):
        raise Refused("the tests assert nothing")
    called = (node.func for node in nodes if isinstance(node, ast.Call))
    if not any(isinstance(node, ast.Name) and node.id == function for node in called):
        raise Refused("the tests never call the function")
    _refuse_foreign(nodes)
    dropped = {number for node in own for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    lines = [line for number, line in enumerate(source.split("\n"), 1) if number not in dropped]
    return "\n".join(lines).strip("\n")


def _brings(node: ast.ImportFrom, function: str) -> bool:
    return any(alias.name in (function, "*") for alias in node.names)


def _refuse_foreign(nodes: Iterable[ast.AST]) -> None:
    for node in nodes:
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if foreign := [name for name in modules if name.partition(".")[0] not in sys.stdlib_module_names]:
            raise Refused("the tests import what is no part of Python", foreign[0])
