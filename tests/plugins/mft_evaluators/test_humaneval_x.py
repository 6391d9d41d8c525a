"""HumanEval-X and its languages: right programs pass, wrong and hostile ones do not, missing toolchains are told."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from helpers import small_code_sets
from helpers.cheating_languages import CHEATS
from helpers.paths import PUBLISHED_SETS
from mft_core.errors import MftError, UsageError
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.items import Attempt, Item, Verdict
from mft_core.records import Score
from mft_core.sandbox import available_tiers
from mft_evaluators.humaneval_x import HumanEvalX
from mft_evaluators.languages import LANGUAGES
from mft_evaluators.languages.braces import cut_at_end, open_blocks
from mft_evaluators.languages.go import _assemble

pytestmark = pytest.mark.skipif(not available_tiers(), reason="no tier isolates on this machine")

PUBLISHED = PUBLISHED_SETS / "humaneval_x"
ROWS = {
    "python": small_code_sets.HUMANEVAL_X_PYTHON,
    "java": small_code_sets.HUMANEVAL_X_JAVA,
    "cpp": small_code_sets.HUMANEVAL_X_CPP,
    "js": small_code_sets.HUMANEVAL_X_JS,
    "go": small_code_sets.HUMANEVAL_X_GO,
}
WRONG = {
    "python": ("    return 3\n", "    return numbers\n"),
    "java": ("        return 3;\n    }\n}", "        return numbers;\n    }\n}"),
    "cpp": ("    return 3;\n}\n", "    return numbers;\n}\n"),
    "js": ("  return 3\n}\n", "  return numbers\n}\n"),
    "go": ('    return strings.Repeat(text, times) + ""\n}\n',),
}
WHOLE = {
    "python": "import math\n\ndef add(a, b):\n    return math.floor(a + b)\n",
    "java": "class Solution {\n    public int add(int a, int b) {\n        return sum(a, b);\n    }\n"
    "    private int sum(int a, int b) { return a + b; }\n}\n",
    "cpp": "#include <numeric>\nint add(int x, int y) {\n    return x + y;\n}\n",
    "js": "function add(a, b) {\n  return a + b\n}\n",
    "go": "func Shout(text string, times int) string {\n    return strings.ToUpper(strings.Repeat(text, times))\n}\n",
}
"""The first problem's function once more, with other names and helpers."""
KNOWN = [
    pytest.param(name, marks=pytest.mark.skipif(bool(LANGUAGES[name].missing()), reason=f"no {name}")) for name in ROWS
]


def evaluator(folder: Path, rows: Sequence[Mapping[str, Any]], **options: Any) -> HumanEvalX:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    usual = {"data": str(path), "workers": 2, "timeout": 20, "shared_process": True}
    return HumanEvalX(HumanEvalX.Options.model_validate({**usual, **options}))


def judge(folder: Path, rows: Sequence[Mapping[str, Any]], completions: Sequence[tuple[int, str]]) -> list[Verdict]:
    """Verdicts on completions, each of the row of that number."""
    judging = evaluator(folder, rows)
    items = judging.items(EvaluationRequest(folder))
    return list(judging.judge_many([Attempt(items[row], 0, text) for row, text in completions]))


@pytest.mark.slow
@pytest.mark.parametrize("language", KNOWN)
def test_right_programs_pass_and_others_do_not(language: str, tmp_path: Path) -> None:
    rows = ROWS[language]
    right = [(number, row["canonical_solution"]) for number, row in enumerate(rows)]
    wrong = list(enumerate(WRONG[language]))
    verdicts = judge(tmp_path, rows, [*right, (0, WHOLE[language]), *wrong, (0, "}} no program")])
    expected = ["pass"] * (len(right) + 1) + ["fail"] * (len(wrong) + 1)
    assert [verdict.outcome for verdict in verdicts] == expected, verdicts
    assert all(verdict.detail for verdict in verdicts if verdict.outcome == "fail")


@pytest.mark.slow
@pytest.mark.parametrize("language", KNOWN)
def test_hostile_programs_do_not_pass(language: str, tmp_path: Path) -> None:
    cheats = CHEATS[language]
    verdicts = dict(zip(cheats, judge(tmp_path, ROWS[language], list(cheats.values())), strict=True))
    assert [name for name, verdict in verdicts.items() if verdict.score != 0.0] == [], verdicts


def test_what_the_machine_lacks_is_not_measured_and_never_zero(tmp_path: Path) -> None:
    rows = [*ROWS["python"], *small_code_sets.HUMANEVAL_X_RUST]
    samples = tmp_path / "samples.jsonl"
    samples.write_text(
        "".join(json.dumps({"task_id": it["task_id"], "completion": it["canonical_solution"]}) + "\n" for it in rows)
    )
    judging = evaluator(tmp_path, rows, languages="python,rust")
    scores = judging.evaluate(EvaluationRequest(tmp_path / "out", samples_file=samples))
    by_title: dict[str, Score] = {score.task: score for score in scores}
    assert by_title["humaneval-x/python"].value == 1.0
    assert by_title["humaneval-x/rust"].n == 0
    assert math.isnan(by_title["humaneval-x/rust"].value)
    assert "crates" in by_title["humaneval-x/rust"].details["not_measured"]


@pytest.mark.parametrize("language", KNOWN)
def test_tests_in_the_judged_programs_process_are_run_only_where_it_is_asked_for(language: str, tmp_path: Path) -> None:
    judging = evaluator(tmp_path, ROWS[language], shared_process=False)
    judging.items(EvaluationRequest(tmp_path))
    shared = LANGUAGES[language].shared_process
    assert ("--shared-process" in judging.not_measured().get(language, "")) == shared
    judging = evaluator(tmp_path, ROWS[language], shared_process=True)
    judging.items(EvaluationRequest(tmp_path))
    assert judging.not_measured() == {}


@pytest.mark.parametrize("language", sorted(set(ROWS) - {"python"}))
def test_a_toolchain_counts_when_sandboxed_programs_find_it(language: str) -> None:
    from mft_core.sandbox import installed

    missing = [command for command in LANGUAGES[language].commands if not installed(command)]
    assert all(command in LANGUAGES[language].missing() for command in missing)
    assert bool(missing) == bool(LANGUAGES[language].missing())


def test_a_folder_has_one_file_a_language(tmp_path: Path) -> None:
    for language in ("python", "js"):
        lines = "".join(json.dumps(row) + "\n" for row in ROWS[language])
        (tmp_path / f"humaneval_{language}.jsonl").write_text(lines)
    options: dict[str, Any] = {"data": str(tmp_path), "languages": ["js", "python"]}
    items = HumanEvalX(HumanEvalX.Options.model_validate(options)).items(EvaluationRequest(tmp_path))
    assert [item.group for item in items] == ["js", "js", "python", "python"]
    options["languages"] = ["js", "go"]
    with pytest.raises(UsageError, match=r"does not hold humaneval_go\.jsonl"):
        HumanEvalX(HumanEvalX.Options.model_validate(options)).items(EvaluationRequest(tmp_path))


def test_a_file_is_used_for_the_languages_it_has(tmp_path: Path) -> None:
    judging = evaluator(tmp_path, [*ROWS["js"], *ROWS["cpp"]], languages="js")
    assert [item.task_id for item in judging.items(EvaluationRequest(tmp_path))] == ["JavaScript/0", "JavaScript/1"]
    with pytest.raises(MftError, match="has no problem in go"):
        evaluator(tmp_path, ROWS["js"], languages="go").items(EvaluationRequest(tmp_path))
    with pytest.raises(MftError, match="'Perl/0' names no language"):
        evaluator(tmp_path, [{**ROWS["js"][0], "task_id": "Perl/0"}]).items(EvaluationRequest(tmp_path))


CONTINUATIONS = {
    "python": ("    return a + b\n\ndef other():\n    pass\n", "    return a + b\n"),
    "java": (
        '        return "}".length(); // }\n    }\n    int more() { return 1; }\n}\nclass Next {}\n',
        '        return "}".length(); // }\n    }\n    int more() { return 1; }\n}\n',
    ),
    "cpp": (
        "    if (a) { return '}'; }\n    return b;\n}\nint main() {}\n",
        "    if (a) { return '}'; }\n    return b;\n}\n",
    ),
    "js": ("  return `}${a}`\n", "  return `}${a}`\n}\n"),
    "go": ('    return "}" /* } */\n}\n\nfunc main() {}\n', '    return "}" /* } */\n}\n'),
}


@pytest.mark.parametrize("language", sorted(CONTINUATIONS))
def test_an_answer_ends_where_its_function_does(language: str) -> None:
    text, expected = CONTINUATIONS[language]
    assert LANGUAGES[language].cut(ROWS[language][0], text).rstrip() == expected.rstrip()


def test_braces_in_literals_and_comments_do_not_count() -> None:
    source = "a { b /* { */ \"{\" '{' // {\n c { d } {"
    assert [source[: place + 1] for place in open_blocks(source)] == ["a {", source]
    assert cut_at_end("x", 2) == "x\n}}\n"


def test_a_chat_is_asked_and_its_code_block_is_taken(tmp_path: Path) -> None:
    judging = evaluator(tmp_path, ROWS["js"], protocol="chat")
    first = judging.items(EvaluationRequest(tmp_path))[0]
    (turn,) = judging.prompt(first)
    assert "JavaScript" in turn.content
    assert first.fields["prompt"] in turn.content
    answer = f"Here you are:\n```js\n{WHOLE['js']}```\nIt adds."
    assert judging.post_process(first, answer) == WHOLE["js"]
    assert judging.stop_strings() == ()


def test_go_programs_import_what_they_use_and_nothing_else() -> None:
    head = 'package main\nimport (\n    "math"\n    "strings"\n)\n'
    source = f"{head}func F() string {{ return strings.ToUpper(fmt.Sprint(1)) }}\n"
    text = _assemble("candidate", source, ['_ "secret/nonce"'], {"fmt": "own/fmt"})
    assert text.splitlines()[:7] == [
        "package candidate",
        "",
        "import (",
        '\t_ "secret/nonce"',
        '\t"strings"',
        '\t"own/fmt"',
        ")",
    ]
    assert text.count("import") == text.count("package") == 1


@pytest.mark.slow
@pytest.mark.parametrize("language", KNOWN)
def test_published_solutions_pass_and_empty_ones_do_not(language: str, tmp_path: Path) -> None:
    if not PUBLISHED.is_dir():
        pytest.skip("../shared is absent")
    options = {"data": str(PUBLISHED), "languages": [language], "workers": 2, "timeout": 20, "shared_process": True}
    judging = HumanEvalX(HumanEvalX.Options.model_validate(options))
    items = judging.items(EvaluationRequest(tmp_path))
    assert len(items) == 164
    chosen: list[Item] = [items[137]]
    verdicts = list(judging.judge_many([Attempt(item, 0, judging.reference(item)) for item in chosen]))
    assert [verdict.outcome for verdict in verdicts] == ["pass"], verdicts
