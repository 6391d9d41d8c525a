"""`mft eval` as a user calls it, [[eval]] in a run, and what survives a kill."""

from __future__ import annotations

import json
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from helpers import small_sets
from helpers.paths import PUBLISHED_SETS, REPOSITORY
from helpers.running import arguments, events, largest_difference, mft, start_mft, weights, write_rows, write_tasks
from mft_evaluators.humaneval import HumanEval

HUMANEVAL = PUBLISHED_SETS / "humaneval"
KEYS = ["set", "metric", "value", "n", "interval", "protocol"]
TINY = ("eval", "tiny", "--model", "llama")

Evaluate = Callable[..., list[dict[str, Any]]]


def samples(path: Path, completions: Mapping[str, str]) -> Path:
    return write_rows(path, [{"task_id": key, "completion": text} for key, text in completions.items()])


@pytest.fixture
def evaluate(capsys: pytest.CaptureFixture[str]) -> Evaluate:
    """The results that a successful `mft eval ... --json` prints."""

    def call(*command: str | Path) -> list[dict[str, Any]]:
        assert mft("eval", *map(str, command), "--json") == 0, capsys.readouterr().err
        printed = json.loads(capsys.readouterr().out)
        assert list(printed) == ["results"]
        assert all(list(row) == KEYS for row in printed["results"])
        return printed["results"]

    return call


@pytest.fixture
def humaneval(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "HumanEval.jsonl", small_sets.HUMANEVAL)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "pairs.jsonl", small_sets.PAIRS)


def test_given_samples_are_judged_each_step_on_its_file(evaluate: Evaluate, humaneval: Path, tmp_path: Path) -> None:
    right = {row["task_id"]: row["canonical_solution"] for row in small_sets.HUMANEVAL}
    given = samples(tmp_path / "s.jsonl", {**right, "HumanEval/1": "    return []\n", "HumanEval/9": "    pass\n"})
    data = f"eval.humaneval.data={humaneval}"
    out = tmp_path / "out"
    command = ("--on", "humaneval", "--set", data, "--samples-file", given, "--output")
    (row,) = evaluate(*command, out)
    assert (row["set"], row["metric"], row["value"], row["n"]) == ("humaneval", "pass@1", pytest.approx(2 / 3), 3)
    assert row["interval"][0] < row["value"] < row["interval"][1]
    lines = [json.loads(line) for line in (out / "humaneval" / "verdicts.jsonl").read_text().splitlines()]
    assert [(line["task_id"], line["outcome"]) for line in lines] == [
        ("HumanEval/0", "pass"), ("HumanEval/1", "fail"), ("HumanEval/2", "pass"),
    ]  # fmt: skip
    facts = json.loads((out / "results.json").read_text())
    assert facts["notices"] == ["humaneval: 1 samples have a task_id that the set has not: HumanEval/9"]
    assert evaluate(*command, out) == [row]
    again = out / "humaneval" / "completions.jsonl"
    assert evaluate("--on", "humaneval", "--set", data, "--samples-file", again, "--output", tmp_path / "o2") == [row]


def test_raw_samples_are_post_processed(evaluate: Evaluate, humaneval: Path, tmp_path: Path) -> None:
    row = small_sets.HUMANEVAL[0]
    answer = f"Sure!\n```python\n{row['prompt']}{row['canonical_solution']}```\nIt adds.\n"
    given = samples(tmp_path / "s.jsonl", {row["task_id"]: answer})
    settings = ("--set", f"eval.humaneval.data={humaneval}", "--set", "eval.humaneval.protocol=chat")
    command = ("--on", "humaneval", *settings, "--samples-file", given)
    (as_given,) = evaluate(*command, "--output", tmp_path / "one")
    (processed,) = evaluate(*command, "--raw-samples", "--output", tmp_path / "two")
    assert (as_given["value"], processed["value"], processed["n"]) == (0.0, 1.0, 1)
    assert as_given["protocol"] != processed["protocol"]


@pytest.mark.skipif(not HUMANEVAL.exists(), reason="../shared is absent")
def test_published_solutions_pass_and_mutated_ones_fail(evaluate: Evaluate, tmp_path: Path) -> None:
    """A slice; `docs/evaluation.md` has the command for all 164."""
    from mft_core.evaluation.evaluator import EvaluationRequest

    evaluator = HumanEval(HumanEval.Options(data=str(HUMANEVAL)))
    items = evaluator.items(EvaluationRequest(tmp_path))
    assert len(items) == 164
    chosen = [items[number] for number in (0, 32, 38, 50, 115, 151)]
    right = {item.task_id: evaluator.reference(item) for item in chosen}
    wrong = {name: f"    return [None]\n{body}" for name, body in right.items()}
    command = ("--on", "humaneval", "--set", f"eval.humaneval.data={HUMANEVAL}", "--samples-file")
    for name, completions, expected in (("right", right, 1.0), ("wrong", wrong, 0.0)):
        (row,) = evaluate(*command, samples(tmp_path / name, completions), "--output", tmp_path / f"{name}-out")
        assert (row["value"], row["n"]) == (expected, 6)


def test_a_killed_evaluation_goes_on_to_the_same_result(pairs: Path, tmp_path: Path) -> None:
    options = [f"eval.code-bleu-like.{text}" for text in (f"data={pairs}", "batch_size=2", "max_new_tokens=30")]
    settings = [part for option in options for part in ("--set", option)]
    command = [*TINY, "--on", "code-bleu-like", "--samples", "8", "--temperature", "1", *settings, "--output"]
    assert mft(*command, str(tmp_path / "whole")) == 0
    process = start_mft([*command, str(tmp_path / "killed")])
    journal = tmp_path / "killed" / "code-bleu-like" / "samples.jsonl"
    while not (journal.exists() and journal.read_bytes().count(b"\n") >= 4):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = journal.read_bytes()
    assert 4 <= before.count(b"\n") < 24
    journal.write_bytes(before + b'{"task_id": "first", "sam')  # as a kill in the middle of a write leaves it
    assert mft(*command, str(tmp_path / "killed")) == 0
    assert journal.read_bytes().startswith(before)
    for name in ("samples.jsonl", "completions.jsonl", "verdicts.jsonl", "scores.json"):
        whole, killed = (tmp_path / run / "code-bleu-like" / name for run in ("whole", "killed"))
        assert whole.read_bytes() == killed.read_bytes(), name


def test_two_processes_find_what_one_finds(pairs: Path, tmp_path: Path) -> None:
    settings = ("--set", f"eval.exact-match.data={pairs}", "--set", "eval.exact-match.batch_size=1")
    command = [*TINY, "--on", "exact-match", *settings, "--set", "eval.exact-match.max_new_tokens=12"]
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    process = start_mft([*command, "--output", str(tmp_path / "two")], launcher)
    printed = process.communicate(timeout=300)[0]
    assert process.returncode == 0, printed
    assert mft(*command, "--output", str(tmp_path / "one")) == 0
    one, two = (
        sorted((tmp_path / name / "exact-match" / "samples.jsonl").read_text().splitlines()) for name in ("one", "two")
    )
    assert one == two
    assert (tmp_path / "one" / "results.json").read_bytes() == (tmp_path / "two" / "results.json").read_bytes()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run with evaluations in its middle and at its end, and the same one without."""
    folder = tmp_path_factory.mktemp("runs")
    data = write_tasks(folder / "data")
    pairs = write_rows(folder / "pairs.jsonl", small_sets.PAIRS)
    recipe = folder / "recipe.toml"
    recipe.write_text(
        f'[[eval]]\nname = "code-bleu-like"\nevery = 2\ndata = "{pairs.name}"\nmax_new_tokens = 8\n'
        '[[eval]]\nname = "loss"\n'
    )
    steps = ("--steps", "5", "--loss", "famo")
    assert mft(*_with_recipe(arguments(data, folder / "with", *steps), recipe)) == 0
    assert mft(*arguments(data, folder / "without", *steps)) == 0
    return folder / "with", folder / "without"


def _with_recipe(command: list[str], recipe: Path) -> list[str]:
    return [command[0], str(recipe), *command[1:]]


def test_a_run_measures_every_so_often_and_at_its_end(run: tuple[Path, Path]) -> None:
    scores = events(run[0], "score")
    assert [event["step"] for event in scores if event["task"] == "code-bleu-like"] == [2, 4, 5]
    by_task = {event["task"]: event["value"] for event in scores if event["metric"] == "loss"}
    last = events(run[0], "eval")[-1]
    assert by_task == {name: pytest.approx(task["loss"], rel=1e-6) for name, task in last["tasks"].items()}
    assert (run[0] / "evaluations" / "step-000002" / "code-bleu-like" / "samples.jsonl").exists()
    assert (run[0] / "evaluations" / "final" / "code-bleu-like" / "scores.json").exists()


def test_measuring_changes_no_weight(run: tuple[Path, Path]) -> None:
    assert largest_difference(*map(weights, run)) == 0.0


def test_a_finished_run_is_measured_as_at_its_end(run: tuple[Path, Path], evaluate: Evaluate, tmp_path: Path) -> None:
    at_end = [event for event in events(run[0], "score") if event["step"] == 5]
    rows = evaluate(run[0], "--output", tmp_path / "out")
    assert {(row["set"], row["metric"]): row["value"] for row in rows} == {
        (event["task"], event["metric"]): pytest.approx(event["value"], rel=1e-4) for event in at_end
    }


def test_validation_tasks_are_references(run: tuple[Path, Path], evaluate: Evaluate, tmp_path: Path) -> None:
    settings = ("--set", "eval.exact-match.max_new_tokens=4", "--limit", "1")
    rows = evaluate(run[0], "--on", "exact-match", *settings, "--output", tmp_path / "out")
    assert [(row["set"], row["n"]) for row in rows] == [
        ("exact-match/add", 1), ("exact-match/copy", 1), ("exact-match/reverse", 1),
    ]  # fmt: skip
    valid = json.loads((run[0].parent / "data" / "copy" / "valid.jsonl").read_text().splitlines()[0])
    given = samples(tmp_path / "s.jsonl", {"copy/0": f"\n{valid['response']} "})
    rows = evaluate(run[0], "--on", "exact-match", "--samples-file", given, "--output", tmp_path / "given")
    assert [(row["set"], row["value"], row["n"]) for row in rows] == [("exact-match/copy", 1.0, 1)]


def test_a_radar_chart_shows_several_evaluations(run: tuple[Path, Path], tmp_path: Path) -> None:
    command = ("eval", str(run[0]), "--on", "exact-match", "--limit", "1", "--set", "eval.exact-match.max_new_tokens=2")
    for name in ("one", "two"):
        assert mft(*command, "--output", str(tmp_path / name)) == 0
    against = ("--against", str(tmp_path / "one"))
    assert mft(*command, "--output", str(tmp_path / "two"), *against) == 0
    assert (tmp_path / "two" / "radar.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("tiny",), "which evaluators?"),
        (("--on", "exact-match"), "nothing to evaluate"),
        (("--on", "exact-mtch"), "There is no evaluator called 'exact-mtch'"),
        (("tiny", "--model", "llama", "--on", "loss"), "Name a run folder"),
        (("tiny", "--model", "llama", "--on", "exact-match"), "none are given"),
        (("tiny", "--on", "loss", "--samples", "3"), "none of loss has the option 'samples'"),
        (("tiny", "--on", "loss", "--set", "train.steps=3"), "expected eval.NAME.OPTION"),
        (("tiny", "--on", "loss", "--set", "eval.bleu.data=x"), "'bleu' is not among the evaluators"),
        (("tiny", "--on", "bleu", "--set", "eval.bleu.dta=x"), "did you mean 'data'"),
        (("tiny", "--on", "humaneval", "--set", "eval.humaneval.data=nowhere"), "there is no nowhere"),
        (("tiny", "--on", "bleu", "--against", "nowhere"), "no results of an evaluation there"),
        (("--on", "loss", "--samples-file", "s.jsonl"), "loss judges no samples"),
    ],
)
def test_wrong_use_is_explained(
    command: Sequence[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert mft("eval", *command) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_set_that_cannot_be_fetched_says_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert mft(*TINY, "--on", "humaneval") == 1
    told = " ".join(capsys.readouterr().err.split())
    assert "could not be had from the Hub (openai/openai_humaneval)" in told
    assert "--set eval.humaneval.data=PATH" in told


def test_the_evaluator_of_the_documentation_works(evaluate: Evaluate, tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "evaluation.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert example is not None
    (tmp_path / "riddles.py").write_text(example[1])
    rows = [{"id": number, "question": "What has keys and no locks?", "answer": "piano"} for number in (1, 2)]
    settings = ("--set", f"eval.riddles.data={write_rows(tmp_path / 'riddles.jsonl', rows)}")
    given = samples(tmp_path / "s.jsonl", {"1": " Piano\n", "2": "a door"})
    command = ("--on", "riddles", "--plugin", tmp_path / "riddles.py", *settings)
    (row,) = evaluate(*command, "--samples-file", given, "--output", tmp_path / "given")
    assert (row["value"], row["n"]) == (0.5, 2)
    (row,) = evaluate("tiny", "--model", "llama", *command, "--limit", "1", "--output", tmp_path / "out")
    assert (row["value"], row["n"]) == (0.0, 1)


def test_a_run_fails_before_training_where_a_set_is_missing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[[eval]]\nname = "humaneval"\ndata = "nowhere.jsonl"\n')
    data = write_tasks(tmp_path / "data")
    assert mft(*_with_recipe(arguments(data, tmp_path / "run", "--steps", "1"), recipe)) == 2
    assert f"eval.humaneval.data: there is no {tmp_path / 'nowhere.jsonl'}" in " ".join(capsys.readouterr().err.split())
