"""`mft eval` as a user calls it, [[eval]] in a run, and what survives a kill."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from helpers import small_sets
from helpers.given_samples import write_completions
from helpers.paths import PUBLISHED_SETS, REPOSITORY
from helpers.running import Evaluate, mft, start_mft, write_rows
from helpers.workers import run_commands_on
from mft_evaluators.humaneval import HumanEval

HUMANEVAL = PUBLISHED_SETS / "humaneval"
TINY = ("eval", "tiny", "--model", "llama")


@pytest.fixture
def humaneval(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "HumanEval.jsonl", small_sets.HUMANEVAL)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "pairs.jsonl", small_sets.PAIRS)


def test_given_samples_are_judged_each_step_on_its_file(evaluate: Evaluate, humaneval: Path, tmp_path: Path) -> None:
    right = {row["task_id"]: row["canonical_solution"] for row in small_sets.HUMANEVAL}
    given = write_completions(
        tmp_path / "s.jsonl", {**right, "HumanEval/1": "    return []\n", "HumanEval/9": "    pass\n"}
    )
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
    given = write_completions(tmp_path / "s.jsonl", {row["task_id"]: answer})
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
        (row,) = evaluate(
            *command, write_completions(tmp_path / name, completions), "--output", tmp_path / f"{name}-out"
        )
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
    os.kill(process.pid, signal.SIGKILL)
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
    run_commands_on(2, [*command, "--output", str(tmp_path / "two")])
    assert mft(*command, "--output", str(tmp_path / "one")) == 0
    one, two = (
        sorted((tmp_path / name / "exact-match" / "samples.jsonl").read_text().splitlines()) for name in ("one", "two")
    )
    assert one == two
    assert (tmp_path / "one" / "results.json").read_bytes() == (tmp_path / "two" / "results.json").read_bytes()


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
    given = write_completions(tmp_path / "s.jsonl", {"1": " Piano\n", "2": "a door"})
    command = ("--on", "riddles", "--plugin", tmp_path / "riddles.py", *settings)
    (row,) = evaluate(*command, "--samples-file", given, "--output", tmp_path / "given")
    assert (row["value"], row["n"]) == (0.5, 2)
    (row,) = evaluate("tiny", "--model", "llama", *command, "--limit", "1", "--output", tmp_path / "out")
    assert (row["value"], row["n"]) == (0.0, 1)
