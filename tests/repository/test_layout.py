"""Where things lie and how large they are: layers without circles, tests beside modules, files that can be read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.paths import REPOSITORY

LAYERS = [
    "errors", "support", "task_losses", "records", "events", "hookspecs", "recipe", "registry", "data", "importing",
    "batching", "nn", "models", "tuning", "objective", "generation", "sandbox", "endpoint", "evaluation", "audit",
    "training", "run", "making", "comparison", "interfaces", "api", "__init__", "testing",
]  # fmt: skip
"""From the ground up: a module imports only from its own folder and from what stands before it."""

CORE = REPOSITORY / "mft_core"
MODULES = sorted(path for path in CORE.rglob("*.py") if path.name != "__init__.py")
PUBLIC = {"mft_core", "mft_core/sandbox", "mft_core/testing"}
"""Folders whose `__init__` is a public import path, and gives what lies in its modules."""

TESTED_ELSEWHERE = {
    "comparison/results.py": "values; comparison/test_outcome.py makes them, test_writing.py reads them back",
    "run/start_facts.py": "values; end_to_end/test_run.py reads them back from the log",
    "training/result.py": "values; training/test_trainer.py and test_rollback.py look at them",
    "data/source.py": "an interface; the conformance kit asks every source",
    "data/tokenization.py": "an interface; the conformance kit asks every tokenization",
    "evaluation/evaluator.py": "an interface; the conformance kit asks every evaluator",
    "generation/answering.py": "an interface; generation/test_assistant.py, endpoint/test_answering.py ask both",
    "making/filters/filter.py": "an interface; making/filters/test_chain.py asks every filter",
    "making/maker.py": "an interface; the conformance kit asks every maker",
    "training/optimizer.py": "an interface; the conformance kit asks every optimizer",
    "models/base.py": "an interface; tests/plugins/mft_bases asks every base",
    "models/tokenizers/trial.py": "a program with limits; models/tokenizers/test_checking.py refuses what it finds",
    "tuning/peft_tuner.py": "a base of tuners; the conformance kit asks every tuner that derives from it",
    "tuning/whole_model.py": "a base of tuners; the conformance kit asks every tuner that derives from it",
    "tuning/pattern_trial.py": "a program with limits; tuning/test_adapters.py refuses what it finds",
    "making/author.py": "an interface; making/test_authoring.py asks the one that there is",
    "making/draft.py": "values; making/test_production.py and every maker's test make them",
    "making/recipe.py": "values; making/test_recipe_loading.py reads them",
    "registry/kinds.py": "values; repository/test_architecture.py finds a hook and a user of each",
    "interfaces.py": "names of other modules; every plugin imports from it",
    "hookspecs.py": "hooks; repository/test_architecture.py finds a user of each",
    "support/run_files.py": "names of files; every test of a run opens them",
    "sandbox/query_runner.py": "a program in the sandbox; sandbox/test_sqlite.py judges what it answers",
    "sandbox/inside/calls_side.py": "a program in the sandbox; sandbox/test_python_calls.py calls with it",
    "sandbox/inside/candidate_side.py": "a program in the sandbox; sandbox/test_python_judge.py judges with it",
    "sandbox/inside/remote.py": "a program in the sandbox; sandbox/test_python_judge.py judges with it",
    "sandbox/inside/tests_side.py": "a program in the sandbox; sandbox/test_python_judge.py judges with it",
}
PYTHON = [
    path
    for folder in ("mft_core", "mft_cli", "plugins", "tests", "benchmarks", "docs")
    for path in sorted((REPOSITORY / folder).rglob("*.py"))
]
LONGEST_FILE, LONGEST_FUNCTION = 300, 60


def nodes(path: Path) -> Iterator[ast.AST]:
    """Everything in a file; imports in functions and for types too: what a type names, a reader must know."""
    yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def rooms_imported(node: ast.AST) -> Iterator[str]:
    """The rooms of mft_core that an import statement enters."""
    if isinstance(node, ast.ImportFrom) and node.module == "mft_core":
        yield from (name.name if name.name in LAYERS else "__init__" for name in node.names)
    elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mft_core."):
        yield (node.module or "").split(".")[1]


def test_every_import_runs_down() -> None:
    floor = {name: number for number, name in enumerate(LAYERS)}
    for path in CORE.rglob("*.py"):
        own = path.relative_to(CORE).with_suffix("").parts[0]
        for node in nodes(path):
            for room in rooms_imported(node):
                allowed = room == own or floor[room] < floor[own]
                assert allowed, f"{path}:{node.lineno}: {own} imports {room}"  # type: ignore[attr-defined]


def modules_imported(path: Path) -> set[Path]:
    """The files of mft_core and mft_cli that a file imports."""
    found = set()
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("mft_core", "mft_cli"):
            place = REPOSITORY / (node.module or "").replace(".", "/")
            for name in node.names:
                candidates = (place / f"{name.name}.py", place.with_suffix(".py"), place / "__init__.py")
                found.add(next(candidate for candidate in candidates if candidate.is_file()))
    return found


def circles(arrows: dict[Path, set[Path]]) -> Iterator[list[Path]]:
    """Ways along the arrows that end where they began."""
    done: set[Path] = set()

    def visit(path: Path, way: list[Path]) -> Iterator[list[Path]]:
        if path in way:
            yield [*way[way.index(path) :], path]
        elif path not in done:
            for other in sorted(arrows[path]):
                yield from visit(other, [*way, path])
            done.add(path)

    for path in sorted(arrows):
        yield from visit(path, [])


def test_no_file_imports_itself_over_others() -> None:
    one, two, three = Path("1"), Path("2"), Path("3")
    assert list(circles({one: {two}, two: {three}, three: {one}})) == [[one, two, three, one]]
    assert list(circles({one: {two, three}, two: {three}, three: set()})) == []
    # Who imports a public folder imports its modules; the modules themselves import each other directly.
    files = [*CORE.rglob("*.py"), *(REPOSITORY / "mft_cli").rglob("*.py")]
    arrows = {path: modules_imported(path) - {path} for path in files}
    assert [[str(path.relative_to(REPOSITORY)) for path in way] for way in circles(arrows)] == []


def test_folders_say_what_they_are_for_and_import_nothing() -> None:
    for path in CORE.rglob("__init__.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), path
        if str(path.parent.relative_to(REPOSITORY)) not in PUBLIC:
            assert len(tree.body) == 1, f"{path} holds more than its docstring"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(CORE)))
def test_every_module_has_its_tests(path: Path) -> None:
    name = path.relative_to(CORE)
    if name.parts[0] == "testing":
        return  # the conformance kit: tests/plugins/*/test_conformance.py are its tests
    test = REPOSITORY / "tests" / name.parent / f"test_{name.name}"
    assert test.is_file() != (str(name) in TESTED_ELSEWHERE), f"{test} is missing, or its exception is"


def test_exceptions_are_modules_that_there_are() -> None:
    assert {str(path.relative_to(CORE)) for path in MODULES} >= TESTED_ELSEWHERE.keys()


def test_no_file_and_no_function_is_too_long_to_read() -> None:
    for path in PYTHON:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE, path
        for node in nodes(path):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or 0) - node.lineno + 1
                assert length <= LONGEST_FUNCTION, f"{path}:{node.lineno} {node.name} has {length} lines"
