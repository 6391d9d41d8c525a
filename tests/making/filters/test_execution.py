from __future__ import annotations

from pathlib import Path

import pytest

from helpers.drafts import draft, reason, solved
from mft_core.making.draft import Code, Refused
from mft_core.making.filters.execution import ExecutionFilter, asked_function
from mft_core.making.filters.verdicts import FILE, Verdicts
from mft_core.sandbox import Tier

CLAMP = """
def clamp(number, low, high):
    if number < low:
        return low
    if number > high:
        return high
    return number
"""
GOOD = "assert clamp(1, 2, 5) == 2\nassert clamp(7, 2, 5) == 5\nassert clamp(3, 2, 5) == 3"
COUNTER = """
class Counter:
    def __init__(self):
        self.count = 0

    def add(self, number):
        self.count += number
        return self.count
"""


@pytest.fixture
def execution(tmp_path: Path, tier: Tier) -> ExecutionFilter:
    return ExecutionFilter(Verdicts(tmp_path), tier, seconds=5.0, mutants=3)


@pytest.mark.parametrize(
    ("source", "tests", "refused"),
    [
        ("x = 1", "", ""),
        ("if __name__ == '__main__':\n    x = input()", "", ""),
        ("x = 1 / 0", "", "does not run"),
        ("x = input()", "", "does not run"),
        ("def f(:", "", "does not run"),
        ("import nothing_like_it", "", "needs a package"),
        ("import os\nos._exit(0)", "", "does not run"),
        ("import os\nos.abort()", "", "crash"),
        ("x = bytearray(1 << 40)", "", "out of memory"),
        ("print('x' * (1 << 24))", "", "too much output"),
        (CLAMP, GOOD, ""),
        (CLAMP, f"from solution import clamp\n\ndef test_clamp():\n    {'; '.join(GOOD.splitlines())}", ""),
        (COUNTER, "one = Counter()\nassert one.add(2) == 2\nassert one.add(3) == 5", ""),
        (CLAMP, GOOD.replace("== 3", "== 4"), "fails its tests"),
        (CLAMP, "assert clam(1, 2, 3) == 2", "fails its tests"),
        (f"1 / 0\n{CLAMP}", GOOD, "does not run"),
        (f"import nothing_like_it\n{CLAMP}", GOOD, "needs a package"),
        (CLAMP, "clamp(1, 2, 5)\nclamp(7, 2, 5)", "tests assert nothing"),
        (CLAMP, "assert clamp(1, 2 == 2", "tests are no Python"),
        (CLAMP, "assert True", "tests notice no fault"),
        (CLAMP, "assert callable(clamp)\nclamp(1, 2, 3)", "tests notice no fault"),
        (CLAMP, f"def check():\n    {'; '.join(GOOD.splitlines())}", "tests notice no fault"),
        (COUNTER, "assert Counter() is not None", "tests notice no fault"),
        ("def f():\n    import os\n    os._exit(0)", "f()\nassert f() == 1", "tests without a verdict"),
        ("x = 1", "assert x == 1", "no function to test"),
    ],
)
def test_each_outcome_has_its_reason(execution: ExecutionFilter, source: str, tests: str, refused: str | None) -> None:
    found = reason(execution, solved(source, tests=tests))
    assert found == refused or (refused is None and found != "does not run")


def test_what_takes_too_long_is_stopped(tmp_path: Path, tier: Tier) -> None:
    execution = ExecutionFilter(Verdicts(tmp_path), tier, seconds=1.0, mutants=3)
    assert reason(execution, solved("while True: pass")) == "timeout"
    endless = "def f():\n    while True: pass"
    assert reason(execution, solved(endless, tests="assert f() == 1")) == "timeout"


def test_other_languages_and_what_has_no_code_are_not_run(execution: ExecutionFilter, tmp_path: Path) -> None:
    assert reason(execution, solved("int f() { return 1 / 0; }", language="c")) == ""
    assert reason(execution, draft("What is two?", "A number.")) == ""
    assert not (tmp_path / FILE).exists()


def test_the_detail_names_the_assertion(execution: ExecutionFilter) -> None:
    with pytest.raises(Refused, match=r"fails its tests: AssertionError.*clamp\(3, 2, 5\) == 4"):
        execution.check(solved(CLAMP, tests=GOOD.replace("== 3", "== 4")), None)  # type: ignore[arg-type]


def test_mutants_can_be_left_out(tmp_path: Path, tier: Tier) -> None:
    execution = ExecutionFilter(Verdicts(tmp_path), tier, seconds=5.0, mutants=0)
    assert reason(execution, solved(CLAMP, tests="assert True")) == ""


def test_a_continued_making_runs_nothing_again(execution: ExecutionFilter, tmp_path: Path, tier: Tier) -> None:
    drafts = [solved(CLAMP, tests=GOOD), solved(CLAMP, tests="assert True"), solved("1 / 0")]
    found = [reason(execution, one) for one in drafts]
    kept = (tmp_path / FILE).read_bytes()
    again = ExecutionFilter(Verdicts(tmp_path), tier, seconds=5.0, mutants=3)
    assert [reason(again, one) for one in drafts] == found
    assert (tmp_path / FILE).read_bytes() == kept


def test_a_hostile_solution_leaves_no_trace(execution: ExecutionFilter, tmp_path: Path) -> None:
    target = tmp_path / "target"
    hostile = f"from pathlib import Path\nPath({str(target)!r}).write_text('here')"
    assert reason(execution, solved(hostile)) == "does not run"
    assert not target.exists()


def test_the_function_that_is_asked_for() -> None:
    source = "def one():\n    return 1\n\nclass Two:\n    pass\n\nx = 3"
    assert asked_function(Code(source)) == "Two"
    assert asked_function(Code(source, function="one")) == "one"
    assert asked_function(Code("x = 3")) == ""
