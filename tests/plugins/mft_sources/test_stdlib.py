"""The `stdlib` data source, on the standard library of the Python that runs the tests."""

from __future__ import annotations

import ast
import doctest
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mft_core.errors import MftError
from mft_core.interfaces import DataRequest
from mft_core.records import TaskFiles
from mft_sources.stdlib import StandardLibrary, StandardLibraryOptions
from mft_sources.stdlib.definitions import Definition, find_definitions, parse
from mft_sources.stdlib.doctests import as_test_function, split_docstring
from mft_sources.stdlib.examples import unfenced
from mft_sources.stdlib.generate import generate
from mft_sources.stdlib.modules import Module, find_modules
from mft_sources.stdlib.mutations import KINDS, Text, mutate
from mft_sources.stdlib.split import family, near_copies, validation_families
from mft_sources.stdlib.tasks import TASKS

LIBRARY = Path(sysconfig.get_path("stdlib"))
SMALL_LIBRARY = ("argparse", "difflib", "fractions", "heapq", "pickletools", "statistics", "tarfile", "textwrap")
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


@pytest.fixture
def small_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python whose library is a few modules: quick to generate from."""
    root = tmp_path / "library"
    root.mkdir()
    for name in SMALL_LIBRARY:
        shutil.copy(LIBRARY / f"{name}.py", root)
    shutil.copytree(LIBRARY / "collections", root / "collections", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(root))
    return root


def everything(records: Records, task: str) -> list[dict[str, str]]:
    return records["train"][task] + records["valid"][task]


def definition(source: str, module: str = "sample") -> Definition:
    return next(iter(find_definitions(module, source, Counter())))


# What the source hands over


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


# Determinism and leaks


def test_same_bytes_with_other_hash_seed_locale_and_time_zone(small_library: Path, tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, sysconfig\n"
        "from mft_core.interfaces import DataRequest\n"
        "from mft_sources.stdlib import StandardLibrary\n"
        "sysconfig.get_path = lambda name: sys.argv[1]\n"
        "StandardLibrary().tasks(DataRequest(None, pathlib.Path(sys.argv[2])))"
    )
    environment = {**os.environ, "PYTHONUTF8": "0", "TZ": "Asia/Tokyo"}
    for seed, locale in (("1", "C"), ("4711", "C.UTF-8")):
        command = [sys.executable, "-W", "error::SyntaxWarning", "-c", code, str(small_library), str(tmp_path / seed)]
        subprocess.run(command, env={**environment, "PYTHONHASHSEED": seed, "LC_ALL": locale}, check=True)
    written = {seed: sorted((tmp_path / seed).rglob("*.json*")) for seed in ("1", "4711")}
    assert len(written["1"]) == len(written["4711"]) == 11
    for left, right in zip(*written.values(), strict=True):
        assert left.relative_to(tmp_path / "1") == right.relative_to(tmp_path / "4711")
        assert left.read_bytes() == right.read_bytes()


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


def test_near_copies_are_found_also_inside_longer_code() -> None:
    names = "abcdefghij"
    original = "def f(x):\n" + "\n".join(f"    {name} = call_{name}(x, {name}, 1)" for name in names)
    changed = original.replace("call_c", "other")
    longer = changed + "\n    return [x + 1 for x in (a, b, c)]" * 9
    unlike = "def f(x):\n" + "\n".join(f"    if x.{name} > 3:\n        return {name}['k']" for name in names)
    assert near_copies([changed, unlike], [original]) == {0}
    assert near_copies([original], [longer, unlike]) == {0}
    assert near_copies([unlike], [original, longer]) == frozenset()


def test_validation_families_reach_every_task_and_leave_the_giants() -> None:
    counts = {f"m{index}": Counter(common=20, rare=index % 3) for index in range(60)} | {
        "giant": Counter(common=5000, rare=200)
    }
    chosen = validation_families(counts, 0.05)
    held = sum((counts[name] for name in chosen), Counter())
    assert "giant" not in chosen
    assert 24 <= held["rare"] <= 36
    assert 310 <= held["common"] <= 465


@pytest.mark.parametrize(
    ("module", "expected"),
    [("json.decoder", "json"), ("_pydecimal", "decimal"), ("_collections_abc", "collections"), ("_py_abc", "abc"),
     ("sre_parse", "sre"), ("__future__", "future")],
)  # fmt: skip
def test_family(module: str, expected: str) -> None:
    assert family(module) == expected


# Every record of every task


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


# The cache


def modification_times(tasks: list[TaskFiles]) -> list[int]:
    return [path.stat().st_mtime_ns for task in tasks for path in (*task.train, *task.valid)]


def test_a_second_call_uses_the_files_of_the_first(stdlib_cache: Path, tasks: list[TaskFiles]) -> None:
    before = modification_times(tasks)
    assert StandardLibrary().tasks(DataRequest(None, stdlib_cache)) == tasks
    assert modification_times(tasks) == before
    assert len(list(stdlib_cache.iterdir())) == 1


@pytest.mark.parametrize("damage", ["flipped", "cut", "missing", "manifest"])
def test_a_damaged_entry_is_made_again(small_library: Path, tmp_path: Path, damage: str) -> None:
    request = DataRequest(None, tmp_path / "cache")
    tasks = StandardLibrary().tasks(request)
    good = [path.read_bytes() for task in tasks for path in (*task.train, *task.valid)]
    victim = tasks[1].train[0]
    if damage == "missing":
        victim.unlink()
    elif damage == "manifest":
        (victim.parent.parent / "manifest.json").write_text("[]")
    else:
        content = victim.read_bytes()
        victim.write_bytes(content[:-9] if damage == "cut" else content.replace(b"Python", b"Jython", 1))
    assert StandardLibrary().tasks(request) == tasks
    assert [path.read_bytes() for task in tasks for path in (*task.train, *task.valid)] == good
    assert [entry.name for entry in request.cache.iterdir()] == [victim.parent.parent.name]


def test_a_changed_library_or_option_gives_another_entry(small_library: Path, tmp_path: Path) -> None:
    request = DataRequest(None, tmp_path / "cache")
    first = StandardLibrary().tasks(request)
    with (small_library / "textwrap.py").open("a") as stream:
        stream.write("\nchanged = True\n")
    second = StandardLibrary().tasks(request)
    third = StandardLibrary(StandardLibraryOptions.model_validate({"validation_fraction": 0.3})).tasks(request)
    assert len({tasks[0].train[0].parent.parent for tasks in (first, second, third)}) == 3


def test_a_cache_that_cannot_be_written_is_explained(small_library: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MftError, match="Cannot write the stdlib tasks") as caught:
        StandardLibrary().tasks(DataRequest(None, tmp_path / "file"))
    assert "MFT_CACHE" in caught.value.hint


# What is read


def test_a_library_without_source_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for root in (tmp_path, tmp_path / "python311.zip"):
        monkeypatch.setattr(sysconfig, "get_path", lambda name, root=root: str(root))
        with pytest.raises(MftError, match="no source files") as caught:
            StandardLibrary().tasks(DataRequest(None, tmp_path / "cache"))
        assert "--data" in caught.value.hint


def test_a_library_that_is_too_small_is_explained(tmp_path: Path) -> None:
    (tmp_path / "textwrap.py").write_text("def wrap(text):\n    return text\n")
    with pytest.raises(MftError, match=r"too small: task 'comment' has 0 training"):
        generate(find_modules(tmp_path), 0.05)


def test_only_modules_of_the_library_are_read(tmp_path: Path) -> None:
    wanted = ["json/__init__.py", "json/decoder.py", "textwrap.py"]
    foreign = [
        "site-packages/json.py",
        "test/test_json.py",
        "sitecustomize.py",
        "json/tests/decoder.py",
        "turtledemo/a.py",
    ]
    for name in [*foreign, *wanted]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert find_modules(tmp_path) == [
        Module("json", tmp_path / wanted[0]),
        Module("json.decoder", tmp_path / wanted[1]),
        Module("textwrap", tmp_path / wanted[2]),
    ]


def test_what_cannot_be_read_is_counted(small_library: Path) -> None:
    (small_library / "wave.py").write_text("print 'Python 2'\n")
    (small_library / "uu.py").write_bytes(b"# \xff is no UTF-8\n")
    shutil.copy(small_library / "textwrap.py", small_library / "shlex.py")
    corpus = generate(find_modules(small_library), 0.05)
    assert corpus.skipped["module that does not parse"] == (2 if "uu" in sys.stdlib_module_names else 1)
    assert corpus.skipped["a copy of another definition"] >= 5
    modules = {record["module"] for side in (corpus.train, corpus.valid) for found in side.values() for record in found}
    assert "shlex" in modules
    assert "textwrap" not in modules


def test_definitions_stand_alone_with_their_decorators_and_class() -> None:
    source = '''
class Box(Base):
    def __init__(self, width):
        self.width = width
        self.height = 1
        self.width += 0

    if True:
        @property
        def area(self):
            """The area."""

            return (self.width
                    * self.height)
'''
    (_, area) = find_definitions("shapes", source, Counter())
    assert area.source.startswith("@property\ndef area(self):\n    ")
    assert area.signature == "@property\ndef area(self):"
    assert area.undocumented == "@property\ndef area(self):\n    return (self.width\n            * self.height)"
    assert area.owner is not None
    assert (area.owner.header, area.owner.attributes, area.owner.methods) == (
        "class Box(Base)",
        ("width", "height"),
        (),
    )


def test_a_method_whose_string_would_change_by_moving_is_left_out() -> None:
    source = 'class A:\n    def f(self):\n        text = """first\n            second"""\n        return text\n'
    skipped: Counter[str] = Counter()
    assert list(find_definitions("m", source, skipped)) == []
    assert skipped["has a multi-line string that moving would change"] == 1


# Mutations


@pytest.mark.parametrize(
    ("line", "broken"),
    [
        ("return [a < 100]", "return [a <= 100]"),
        ("return [a is None]", "return [a is not None]"),
        ("return [a not in text]", "return [a in text]"),
        ("return [a and b]", "return [a or b]"),
        ("return [not a]", "return [a]"),
        ("return True", "return False"),
        ("return a.find(b)", "return a.rfind(b)"),
        ("return call('ü', b)", "return call(b, 'ü')"),
        ("return [ 'ü' ] + [ 'x' ]", None),
        ("return [('ü', (a) > (100))]", "return [('ü', (a) >= (100))]"),
        ("return abs(a)", None),
    ],
)
def test_one_mistake_in_place(line: str, broken: str | None) -> None:
    function = definition(f'def f(a, b, text):\n    """A docstring."""\n    # A comment ü\n    {line}\n')
    expected = None if broken is None else function.source.replace(line, broken)
    assert mutate(function) == expected


def test_off_by_one_and_wrong_name() -> None:
    source = "def f(a):\n    first = a[2:]\n    second = first\n    return first"
    function = definition(source)
    found = {kind: {mutated(function, edit) for node in ast.walk(function.node) for edit in find(node, Text(source))}
             for kind, find in KINDS.items()}  # fmt: skip
    assert found["off by one"] == {source.replace("2", "1"), source.replace("2", "3")}
    assert sum(map(len, found.values())) == 2
    assert mutate(function) in {*found["off by one"], source.replace("return first", "return second")}


def mutated(function: Definition, edit: tuple[int, int, str]) -> str:
    start, end, text = edit
    return function.source[:start] + text + function.source[end:]


# Doctests


def as_test(docstring: str) -> str | None:
    return as_test_function(
        "Fraction.half", split_docstring(docstring)[1], {"Fraction": "from fractions import Fraction"}
    )


def test_examples_become_assertions() -> None:
    docstring = """Halve.

    Examples:

    >>> x = Fraction(1, 2)
    >>> x == Fraction(2, 4)
    True
    >>> x.half()
    Fraction(1, 4)
    >>> print(x)
    1/2
    >>> Fraction(1, 0)
    Traceback (most recent call last):
        ...
    ZeroDivisionError: Fraction(1, 0)
    """
    assert split_docstring(docstring)[0] == "Halve."
    assert as_test(docstring) == (
        "from fractions import Fraction\nimport pytest\n\n\n"
        "def test_fraction_half():\n"
        "    x = Fraction(1, 2)\n"
        "    assert x == Fraction(2, 4)\n"
        "    assert x.half() == Fraction(1, 4)\n"
        "    assert str(x) == '1/2'\n"
        "    with pytest.raises(ZeroDivisionError):\n"
        "        Fraction(1, 0)"
    )


@pytest.mark.parametrize(
    "example",
    [
        ">>> Fraction(1)\n<Fraction object>",
        ">>> unknown(1)\n1",
        ">>> Fraction(1)",
        ">>> list('ab')  # doctest: +ELLIPSIS\n['a', ...]",
        ">>> for x in [1]: x\n1",
        ">>> 0.1\n0.10",
    ],
)
def test_what_cannot_be_asserted_stays_a_doctest(example: str) -> None:
    assert as_test(example) is None


def test_not_a_number_is_compared_as_text() -> None:
    test = as_test(">>> Fraction('NaN')\nFraction('NaN')")
    assert test is not None
    assert """assert repr(Fraction('NaN')) == "Fraction('NaN')\"""" in test
