"""DS-1000: results are judged out of the program's reach, pickles open in the sandbox only."""

from __future__ import annotations

import fnmatch
import io
import json
import pickle
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from helpers import small_code_sets
from helpers.paths import PUBLISHED_SETS
from helpers.small_code_sets import ds1000_members, write_ds1000
from mft_core.errors import MftError, UsageError
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.items import Attempt, Verdict
from mft_core.sandbox import available_tiers, best_tier
from mft_evaluators.ds1000 import Ds1000, _modules
from mft_evaluators.ds1000_environment import LIBRARIES, environment, installed_versions, lacking

pytestmark = pytest.mark.skipif(not available_tiers(), reason="no tier isolates on this machine")

PUBLISHED = PUBLISHED_SETS / "ds1000"
EQUAL_TO_ALL = "class Yes:\n    def __eq__(self, other):\n        return True\nresult = Yes()\n"
CALLS = "class Call:\n    def __reduce__(self):\n        return {call}\nresult = Call()\n"
PLOT_CONTEXT = """import pickle
state = []
[insert]
# SOLUTION END
with open('result/plot.png', 'wb') as f:
    f.write(b'no picture')
assert state == [1]
with open('result/result_1.pkl', 'wb') as file:
    pickle.dump(True, file)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_ds1000(tmp_path / "set", small_code_sets.DS1000, ds1000_members())


def build(data: Path, **options: Any) -> Ds1000:
    return Ds1000(Ds1000.Options.model_validate({"data": str(data), "workers": 2, **options}))


def judge(judging: Ds1000, number: int, completions: Sequence[str]) -> list[Verdict]:
    item = judging.items(EvaluationRequest(Path()))[number]
    return list(judging.judge_many([Attempt(item, 0, text) for text in completions]))


@pytest.mark.slow
def test_right_programs_pass_and_others_do_not(folder: Path) -> None:
    answers = {
        "result = sum(numbers)\n": "pass",
        "result = sum(numbers) + 1\n": "fail",
        "": "fail",
        "result = 3\n": "fail",
        "result = 0\nwhile numbers:\n    result += numbers.pop()\n": "fail",
        "result = sum(numbers) # a while ago\n": "pass",
        "result = lambda: 1\n": "fail",
    }
    verdicts = judge(build(folder), 0, list(answers))
    assert [verdict.outcome for verdict in verdicts] == list(answers.values()), verdicts
    assert "test case 2" in verdicts[3].detail
    assert "rules out" in verdicts[4].detail


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bubblewrap", "landlock"])
def test_hostile_programs_do_not_pass(kind: str, folder: Path) -> None:
    if kind not in [tier.name for tier in available_tiers()]:
        pytest.skip(f"no {kind}")
    cheats = [
        EQUAL_TO_ALL,
        CALLS.format(call="(exec, ('import os; os._exit(0)',))"),
        CALLS.format(call="(exec, ('import os; os.write(3, os.read(4, 99)); os._exit(0)',))"),
        CALLS.format(call="(__import__('os').system, ('true',))"),
        CALLS.format(call="(getattr, (__import__('os'), 'environ'))"),
        "import os\nos._exit(0)\n",
        "import os\nos.write(3, b'anything')\nos._exit(0)\n",
        "result = pickle.load(open('ans/ans1.pkl', 'rb'))\n",
    ]
    judging = build(folder)
    item = judging.items(EvaluationRequest(Path()))[0]
    tier = next(tier for tier in available_tiers() if tier.name == kind)
    outcomes = [judging.run(item, text, judging.limits(), tier) for text in cheats]
    assert [outcome.verdict for outcome in outcomes if outcome.passed] == [], outcomes
    assert judging.run(item, judging.reference(item), judging.limits(), tier).passed


def test_assertions_of_a_plot_must_come_to_their_end(tmp_path: Path) -> None:
    row = {**small_code_sets.DS1000[0], "lib": "Matplotlib", "code_context": PLOT_CONTEXT}
    content = {"Matplotlib/input_1/input1.pkl": pickle.dumps(0), "Matplotlib/ans_1/ans1.pkl": pickle.dumps(True)}
    judging = build(write_ds1000(tmp_path / "set", [row], content), shared_process=True)
    done = "pickle.dump(True, open('result/result_1.pkl', 'wb'))\n"
    answers = {
        "state.append(1)": "pass",
        "": "fail",
        f"import sys\n{done}sys.exit(0)": "fail",
        f"import os\n{done}os._exit(0)": "fail",
        f"import os\n{done}os.write(3, b'passed')\nos._exit(0)": "fail",
        f"import atexit, os\n{done}atexit.register(lambda: os._exit(0))": "fail",
    }
    verdicts = judge(judging, 0, list(answers))
    assert [verdict.outcome for verdict in verdicts] == list(answers.values()), verdicts


def test_plots_are_not_measured_unless_it_is_asked_for(tmp_path: Path) -> None:
    row = {**small_code_sets.DS1000[0], "lib": "Matplotlib", "code_context": PLOT_CONTEXT}
    content = {"Matplotlib/input_1/input1.pkl": pickle.dumps(0), "Matplotlib/ans_1/ans1.pkl": pickle.dumps(True)}
    data = write_ds1000(tmp_path / "set", [row], content)
    judging = build(data)
    judging.items(EvaluationRequest(Path()))
    assert "--shared-process" in judging.not_measured()["Matplotlib"]
    protocols = {judging.describe().identifier, build(data, shared_process=True).describe().identifier}
    assert len(protocols) == 2


def test_problems_whose_answers_have_no_plain_form_are_counted_by_reason(tmp_path: Path) -> None:
    content = {**ds1000_members(), "Standard/ans_2/ans2.pkl": pickle.dumps(fnmatch.translate)}
    content["Standard/ans_1/ans1.pkl"] = b"cnowhere\nThing\n."
    data = write_ds1000(tmp_path / "set", small_code_sets.DS1000, content)
    told: list[str] = []
    assert build(data).items(EvaluationRequest(Path(), on_notice=told.append)) == []
    assert len(told) == 2
    assert "1 problems of Standard are not measured: an answer cannot be opened here (ModuleNotFoundError)" in told[0]
    assert "1 problems of Standard are not measured: a builtins.function has no plain form" in told[1]
    assert all("--shared-process" in line for line in told)
    assert len(build(data, shared_process=True).items(EvaluationRequest(Path()))) == 2


def test_inputs_come_from_an_archive_too(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "archive"
    other.mkdir()
    (other / "ds1000.jsonl").write_bytes((folder / "ds1000_completion.jsonl").read_bytes())
    with tarfile.open(other / "ds1000_io.tar.xz", "w:xz") as archive:
        for name, data in ds1000_members().items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    judging = build(other / "ds1000.jsonl")
    assert judge(judging, 1, ["result = numbers[::-1]\n"])[0].outcome == "pass"


def test_what_is_wrong_with_the_data_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="where the set 'ds1000' lies is not given"):
        build(Path()).__class__(Ds1000.Options()).items(EvaluationRequest(Path()))
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "ds1000.jsonl").write_bytes((folder / "ds1000_completion.jsonl").read_bytes())
    with pytest.raises(MftError, match="has no inputs and answers"):
        build(bare).items(EvaluationRequest(Path()))


def test_problems_without_answers_are_left_out_and_told(tmp_path: Path) -> None:
    rows = [small_code_sets.DS1000[0], {**small_code_sets.DS1000[1], "io_complete": False}]
    told: list[str] = []
    judging = build(write_ds1000(tmp_path / "set", rows, ds1000_members()))
    assert len(judging.items(EvaluationRequest(Path(), on_notice=told.append))) == 1
    assert told == ["ds1000: 1 problems lack inputs or answers and are left out"]


def test_a_library_that_is_missing_leaves_its_problems_unmeasured(tmp_path: Path) -> None:
    versions = installed_versions(environment(""), best_tier())
    absent = next(module for module in ("gensim", "xgboost", "statsmodels") if module not in versions)
    row = {**small_code_sets.DS1000[1], "lib": "Rare", "code_context": f"import {absent}\n[insert]"}
    content = {name.replace("Standard", "Rare"): data for name, data in ds1000_members().items()}
    rows = [small_code_sets.DS1000[0], row]
    samples = tmp_path / "samples.jsonl"
    lines = [{"task_id": it["task_id"], "completion": it["canonical_solution"]} for it in rows]
    samples.write_text("".join(json.dumps(line) + "\n" for line in lines))
    judging = build(write_ds1000(tmp_path / "set", rows, {**content, **ds1000_members()}))
    scores = judging.evaluate(EvaluationRequest(tmp_path / "out", samples_file=samples))
    found = {score.task: score for score in scores}
    assert found["ds1000/Standard"].value == 1.0
    assert found["ds1000/Rare"].n == 0
    assert f"{LIBRARIES[absent][0]}<" in found["ds1000/Rare"].details["not_measured"]


def test_later_versions_count_as_missing_unless_any_will_do() -> None:
    versions = {"pandas": "2.1.4", "numpy": "1.23.5"}
    assert lacking({"pandas", "numpy"}, versions, any_version=False) == "pandas<2 is needed and 2.1.4 installed"
    assert lacking({"pandas", "numpy"}, versions, any_version=True) == ""
    assert lacking({"sklearn"}, versions, any_version=True) == "scikit-learn<1.2 is not installed"


def test_an_interpreter_that_does_not_run_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"eval\.ds1000\.python: /nowhere/python does not run"):
        build(folder, python="/nowhere/python").items(EvaluationRequest(Path()))


@pytest.mark.slow
def test_the_published_set_with_numpy(tmp_path: Path) -> None:
    if not PUBLISHED.is_dir():
        pytest.skip("../shared is absent")
    judging = build(PUBLISHED, any_version=True)
    told: list[str] = []
    items = judging.items(EvaluationRequest(tmp_path, on_notice=told.append))
    assert "11 problems lack inputs" in told[0]
    assert {item.group for item in items} >= {"Numpy", "Pandas", "Matplotlib"}
    if "numpy" not in installed_versions(environment(""), best_tier()):
        pytest.skip("sandboxed programs find no NumPy")
    chosen = [item for item in items if item.group == "Numpy" and _modules(item.fields) == {"numpy"}][:3]
    right = [Attempt(item, 0, judging.reference(item)) for item in chosen]
    wrong = [Attempt(item, 0, "result = 0") for item in chosen]
    assert {verdict.outcome for verdict in judging.judge_many(right)} == {"pass"}
    assert {verdict.outcome for verdict in judging.judge_many(wrong)} == {"fail"}
