"""The `stdlib` data source, on the standard library of the Python that runs the tests."""

from __future__ import annotations

import ast
import doctest
import json
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mft_core.data.record_forms import unread_keys
from mft_core.interfaces import DataRequest
from mft_core.records import TaskFiles
from mft_sources.stdlib import StandardLibrary, StandardLibraryOptions
from mft_sources.stdlib.definitions import parse
from mft_sources.stdlib.examples import unfenced
from mft_sources.stdlib.split import family
from mft_sources.stdlib.tasks import TASKS

pytestmark = pytest.mark.slow
LIBRARY = Path(sysconfig.get_path("stdlib"))
Records = dict[str, dict[str, list[dict[str, str]]]]


def read(tasks: list[TaskFiles]) -> Records:
    """Records by side and task."""
    return {side: {task.name: lines(getattr(task, side)) for task in tasks} for side in ("train", "valid")}


def lines(paths: tuple[Path, ...]) -> list[dict[str, str]]:
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


@pytest.fixture(scope="module")
def tasks(stdlib_cache: Path) -> list[TaskFiles]:
    return StandardLibrary().tasks(DataRequest(None, stdlib_cache))


@pytest.fixture(scope="module")
def records(tasks: list[TaskFiles]) -> Records:
    return read(tasks)


def everything(records: Records, task: str) -> list[dict[str, str]]:
    return records["train"][task] + records["valid"][task]


def test_five_tasks_sorted_by_name_with_both_sides(tasks: list[TaskFiles]) -> None:
    assert [task.name for task in tasks] == ["comment", "completion", "repair", "text2code", "unit_test"]
    assert all(path.is_file() for task in tasks for path in (*task.train, *task.valid))


def test_thousands_of_samples_in_unequal_tasks(records: Records) -> None:
    counts = [len(records["train"][task]) for task in ("completion", "comment", "text2code", "repair", "unit_test")]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) > 5000
    assert counts[0] > 10 * counts[-1] > 1000
    assert all(len(found) >= 20 for found in records["valid"].values())


@pytest.mark.parametrize("task", TASKS)
def test_every_record_is_text_of_sensible_size(records: Records, task: str) -> None:
    for record in everything(records, task):
        assert set(record) == {"prompt", "response", "module", "qualname"}
        assert 20 <= len(record["prompt"]) <= 2500
        assert 10 <= len(record["response"].strip()) <= len(record["response"]) <= 1500


def test_only_the_tasks_asked_for(stdlib_cache: Path, tasks: list[TaskFiles]) -> None:
    options = StandardLibraryOptions.model_validate({"tasks": ("repair", "comment")})
    assert StandardLibrary(options).tasks(DataRequest(None, stdlib_cache)) == [tasks[0], tasks[2]]


def test_an_unknown_task_is_named_with_the_nearest_right_one() -> None:
    with pytest.raises(ValidationError, match=r"no stdlib task 'repairs'. Did you mean 'repair'\?"):
        StandardLibraryOptions.model_validate({"tasks": ("repairs",)})


def test_training_and_validation_come_from_different_modules(records: Records) -> None:
    train, valid = (
        {family(record["module"]) for found in records[side].values() for record in found}
        for side in ("train", "valid")
    )
    assert train
    assert valid
    assert not train & valid


def test_no_code_shown_for_validation_is_shown_or_asked_for_in_training(records: Records) -> None:
    def codes(side: str) -> set[str]:
        texts = [record[key] for found in records[side].values() for record in found for key in ("prompt", "response")]
        return {code for text in texts if len(code := "".join(unfenced(text).split())) > 100}

    assert codes("valid")
    assert not codes("train") & codes("valid")


def test_completion_continues_to_a_whole_function(records: Records) -> None:
    for record in everything(records, "completion"):
        shown = unfenced(record["prompt"])
        assert only_statement(shown + "\n" + record["response"]).body
        assert record["response"].startswith(" ")


def test_text2code_answers_with_a_body_and_no_docstring(records: Records) -> None:
    for record in everything(records, "text2code"):
        head, body = unfenced(record["prompt"]), record["response"]
        function = only_statement(f"{head}\n{body}")
        docstring = ast.get_docstring(function)
        assert docstring
        assert len(function.body) > 1
        assert len(head.split("\n")) == function.body[0].end_lineno
        assert docstring not in body


def test_comment_answers_with_the_docstring_that_the_prompt_lacks(records: Records) -> None:
    docstrings: dict[str, set[str]] = {}
    for record in records["valid"]["comment"]:
        function = only_statement(unfenced(record["prompt"]))
        assert ast.get_docstring(function) is None
        if record["module"] not in docstrings:
            docstrings[record["module"]] = docstrings_of(record["module"])
        assert record["response"] in docstrings[record["module"]]


def test_repair_differs_from_the_original_in_one_place(records: Records) -> None:
    for record in everything(records, "repair"):
        broken, original = unfenced(record["prompt"]), unfenced(record["response"])
        assert ast.dump(only_statement(broken)) != ast.dump(only_statement(original))
        changed = [
            (left, right) for left, right in zip(broken.split("\n"), original.split("\n"), strict=True) if left != right
        ]
        assert 1 <= len(changed) <= 4


def test_unit_test_tests_the_code_and_is_not_given_away(records: Records) -> None:
    for record in everything(records, "unit_test"):
        test = unfenced(record["response"])
        assert ">>> " not in record["prompt"]
        assert any(part in test for part in record["qualname"].split("."))
        if test.startswith(">>> "):
            assert any(example.want for example in doctest.DocTestParser().get_examples(test))
        else:
            functions = [node for node in parse(test).body if isinstance(node, ast.FunctionDef)]
            assert [function.name.startswith("test_") for function in functions] == [True]
            assert "assert " in test or "pytest.raises" in test


@pytest.mark.parametrize("module", ["collections", "fractions", "statistics"])
def test_generated_tests_pass_on_the_real_library(records: Records, module: str) -> None:
    tests = [unfenced(record["response"]) for record in everything(records, "unit_test") if record["module"] == module]
    functions = [run_definitions(test) for test in tests if test.startswith(("from ", "import ", "def "))]
    assert functions
    for function in functions:
        function()


def run_definitions(test: str) -> Callable[[], None]:
    space: dict[str, Any] = {}
    exec(test, space)
    return next(value for name, value in space.items() if name.startswith("test_"))


def only_statement(code: str) -> ast.FunctionDef | ast.AsyncFunctionDef:
    (statement,) = parse(code).body
    assert isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef))
    return statement


def docstrings_of(module: str) -> set[str]:
    path = LIBRARY / Path(*module.split("."))
    source = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")
    functions = (node for node in ast.walk(parse(source)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return {(ast.get_docstring(function) or "").strip() for function in functions}


def modification_times(tasks: list[TaskFiles]) -> list[int]:
    return [path.stat().st_mtime_ns for task in tasks for path in (*task.train, *task.valid)]


def test_no_key_of_its_records_goes_unread(records: Records) -> None:
    for task in TASKS:
        assert {key for record in everything(records, task)[:20] for key in unread_keys(record)} == set()


def test_a_second_call_uses_the_files_of_the_first(stdlib_cache: Path, tasks: list[TaskFiles]) -> None:
    before = modification_times(tasks)
    assert StandardLibrary().tasks(DataRequest(None, stdlib_cache)) == tasks
    assert modification_times(tasks) == before
    assert len(list(stdlib_cache.iterdir())) == 1
