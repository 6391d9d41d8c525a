"""CodeFuseEval: its four parts out of its files, and unit tests that must tell right functions from wrong ones."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from helpers import small_code_sets
from helpers.paths import PUBLISHED_SETS
from mft_core.errors import MftError, UsageError
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.items import Attempt, Item, Verdict
from mft_core.evaluation.mutation import mutants
from mft_core.sandbox import available_tiers
from mft_evaluators.codefuseeval import CodeFuseEval, whole_statements
from mft_evaluators.codefuseeval_items import chinese_prompt
from mft_evaluators.languages import LANGUAGES

pytestmark = pytest.mark.skipif(not available_tiers(), reason="no tier isolates on this machine")

PUBLISHED = PUBLISHED_SETS / "codefuseeval"
FUNCTION = "def at_least(numbers, least):\n    return [it for it in numbers if it >= least and it != 0]\n"
GOOD_TESTS = "def test_bounds():\n    assert first([2, 0, 1, 5], 3) == [2, 1]\n    assert first([], 1) == []\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The small set in the published folders."""
    for name, rows in small_code_sets.CODEFUSEEVAL.items():
        path = tmp_path / "set" / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "set"


def build(data: Path, **options: Any) -> CodeFuseEval:
    given = {"data": str(data), "workers": 2, "mutants": 3, **options}
    return CodeFuseEval(CodeFuseEval.Options.model_validate(given))


def items(judging: CodeFuseEval) -> list[Item]:
    return judging.items(EvaluationRequest(Path()))


def judge(judging: CodeFuseEval, item: Item, completions: Sequence[str]) -> list[Verdict]:
    return list(judging.judge_many([Attempt(item, number, text) for number, text in enumerate(completions)]))


def test_every_part_is_made_of_its_files(folder: Path) -> None:
    found = items(build(folder))
    assert Counter(item.group for item in found) == {
        "chinese/python": 2,
        "chinese/js": 2,
        "translation/java-to-python": 2,
        "text2code/python": 2,
        "unit-tests/python": 2,
    }
    assert len({item.task_id for item in found}) == len(found)
    prompts = {item.task_id: str(build(folder).prompt(item)) for item in found}
    assert "两个数字的和。" in prompts["chinese/python/Python/0"]
    assert prompts["chinese/python/Python/0"].endswith('"""')
    assert prompts["chinese/js/JavaScript/0"] == "/* 两个数字的和。 */\nconst add = (a, b) => {"
    assert prompts["translation/java-to-python/Python/2"].startswith("code translation\nJava:\nclass Plus")
    assert prompts["translation/java-to-python/Python/2"].endswith("Python:\ndef plus(x):")


def test_parts_and_languages_choose(folder: Path) -> None:
    assert {item.group for item in items(build(folder, parts="text2code"))} == {"text2code/python"}
    assert {item.group for item in items(build(folder, languages="js"))} == {"chinese/js"}
    assert {item.group for item in items(build(folder / "nl2code"))} == {"text2code/python"}
    assert {item.group for item in items(build(folder / "nl2code" / "mbpp_x.jsonl"))} == {"text2code/python"}
    with pytest.raises(MftError, match="nothing of what is asked for"):
        items(build(folder / "nl2code", parts="unit-tests"))
    with pytest.raises(UsageError, match="no files of the set"):
        items(build(folder / "nowhere"))


def test_directions_without_a_file_pair_the_same_problems(folder: Path) -> None:
    for language, rows in (("cpp", small_code_sets.HUMANEVAL_X_CPP), ("java", small_code_sets.HUMANEVAL_X_JAVA)):
        path = folder / "code_completion" / f"humaneval_{language}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = items(build(folder, parts=["translation"]))
    assert {item.group for item in found} == {
        f"translation/{source}-to-{target}"
        for source in ("python", "java", "cpp")
        for target in ("python", "java", "cpp")
        if source != target
    }
    first = next(item for item in found if item.group == "translation/python-to-cpp")
    assert "return a + b" in first.fields["shown"]
    assert first.fields["shown"].endswith("int add(int a,int b){\n")
    assert first.fields["prompt"] == first.fields["declaration"]


@pytest.mark.slow
def test_right_answers_pass_and_empty_ones_do_not(folder: Path) -> None:
    judging = build(folder)
    chosen = [it for it in items(judging) if not LANGUAGES[judging.language(it)].missing()]
    chosen = [it for it in chosen if not it.task_id.startswith("unit-tests")]
    right = list(judging.judge_many([Attempt(item, 0, judging.reference(item) or "") for item in chosen]))
    wrong = list(judging.judge_many([Attempt(item, 0, "") for item in chosen]))
    assert {verdict.outcome for verdict in right} == {"pass"}, right
    assert {verdict.outcome for verdict in wrong} == {"fail"}, wrong


@pytest.mark.slow
def test_unit_tests_must_pass_on_the_right_function_and_fail_on_wrong_ones(folder: Path) -> None:
    judging = build(folder, parts=["unit-tests"])
    item = items(judging)[1]
    answers = {
        GOOD_TESTS: "pass",
        f"from solution import first\n{item.fields['program']}\n{GOOD_TESTS}": "pass",
        "": "fail",
        "def test_nothing():\n    pass\n": "fail",
        "def test_little():\n    assert first([], 1) == []\n": "fail",
        "def test_false():\n    assert first([2], 1) == []\n": "fail",
        "import inspect\ndef test_source():\n    assert 'number >= one' in inspect.getsource(first)\n": "fail",
        "import os\ndef test_exit():\n    os._exit(0)\n": "no_verdict",
        "import os\nos.write(3, b\"('pass', '')\")\nos._exit(0)\n": "fail",
        "def test_broken(:\n": "fail",
    }
    verdicts = judge(judging, item, list(answers))
    assert [verdict.outcome for verdict in verdicts] == list(answers.values()), verdicts
    assert verdicts[0].score == 1.0
    assert "wrong variant 1 of 3 is not noticed" in verdicts[3].detail
    assert verdicts[5].detail.startswith("on the right function")
    assert judge(judging, item, [judging.reference(item) or ""])[0].outcome == "pass"


def test_variants_differ_from_the_function_each_in_one_place() -> None:
    variants = list(mutants(FUNCTION, "at_least", "seed"))
    assert variants == list(mutants(FUNCTION, "at_least", "seed"))
    assert len(set(variants)) == len(variants) == 5
    assert FUNCTION.strip() not in variants
    assert variants[-1] == "def at_least(numbers, least):\n    return None"
    assert any("it > least and" in variant for variant in variants)
    assert any(">= least or it" in variant for variant in variants)


def test_variants_leave_other_functions_alone() -> None:
    for variant in mutants(f"def other(x):\n    return x + 1\n\n{FUNCTION}", "at_least", "seed"):
        assert "return x + 1" in variant


def test_answers_are_cut_where_their_part_says(folder: Path) -> None:
    judging = build(folder)
    by_part = {item.fields["part"]: item for item in items(judging)}
    program = "import math\n\ndef helper():\n    pass\n\ndef plus(x):\n    return x\n"
    assert judging.post_process(by_part["text2code"], f"{program}\nassert plus(1) == 2\n") == program
    tests = "def test_one():\n    assert plus(1) == 2\n"
    assert judging.post_process(by_part["unit-tests"], f"{tests}def test_two():\n    assert (") == tests
    assert judging.post_process(by_part["unit-tests"], f"Here:\n```python\n{tests}```\n") == tests
    assert whole_statements("no Python") == "no Python"


def test_a_chinese_description_takes_the_place_of_the_english_one() -> None:
    row = {
        "task_id": "Go/0",
        "prompt": "// One and\n// two.\n// >>> f\nfunc F() {\n",
        "prompt_text": "One and two.",
        "prompt_text_chinese": "一和二。",
    }
    assert chinese_prompt(row) == "// 一和二。\n// >>> f\nfunc F() {\n"
    assert chinese_prompt({**row, "prompt_text": "Other"}) == f"// 一和二。\n{row['prompt']}"
    assert chinese_prompt({**row, "prompt_text_chinese": ""}) is None


@pytest.mark.slow
def test_the_published_set_has_its_parts_and_its_solutions_pass(tmp_path: Path) -> None:
    if not PUBLISHED.is_dir():
        pytest.skip("../shared is absent")
    judging = build(PUBLISHED, timeout=20)
    found = items(judging)
    counts = Counter(item.group for item in found)
    assert counts["chinese/python"] == counts["unit-tests/python"] == counts["translation/python-to-cpp"] == 164
    assert (counts["translation/java-to-python"], counts["translation/python-to-java"]) == (662, 650)
    assert counts["text2code/python"] == 500
    chosen = [it for it in found if judging.language(it) in ("python", "js") and it.task_id.endswith("/12")]
    chosen = [it for it in chosen if not LANGUAGES[judging.language(it)].missing()]
    assert len(chosen) >= 4
    verdicts = list(judging.judge_many([Attempt(item, 0, judging.reference(item) or "") for item in chosen]))
    assert {verdict.outcome for verdict in verdicts} == {"pass"}, list(zip(chosen, verdicts, strict=True))
