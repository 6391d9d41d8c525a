"""A finished run as what is evaluated: its model and its validation data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.given_samples import write_completions
from helpers.running import Evaluate, events, mft, write_tasks

pytestmark = pytest.mark.slow


def test_a_finished_run_is_measured_as_at_its_end(
    evaluated_run: tuple[Path, Path], evaluate: Evaluate, tmp_path: Path
) -> None:
    at_end = [event for event in events(evaluated_run[0], "score") if event["step"] == 5]
    rows = evaluate(evaluated_run[0], "--output", tmp_path / "out")
    assert {(row["set"], row["metric"]): row["value"] for row in rows} == {
        (event["task"], event["metric"]): pytest.approx(event["value"], rel=1e-4) for event in at_end
    }


def test_validation_tasks_are_references(evaluated_run: tuple[Path, Path], evaluate: Evaluate, tmp_path: Path) -> None:
    settings = ("--set", "eval.exact-match.max_new_tokens=4", "--limit", "1")
    rows = evaluate(evaluated_run[0], "--on", "exact-match", *settings, "--output", tmp_path / "out")
    assert [(row["set"], row["n"]) for row in rows] == [
        ("exact-match/add", 1), ("exact-match/copy", 1), ("exact-match/reverse", 1),
    ]  # fmt: skip
    valid = json.loads((evaluated_run[0].parent / "data" / "copy" / "valid.jsonl").read_text().splitlines()[0])
    given = write_completions(tmp_path / "s.jsonl", {"copy/0": f"\n{valid['response']} "})
    rows = evaluate(evaluated_run[0], "--on", "exact-match", "--samples-file", given, "--output", tmp_path / "given")
    assert [(row["set"], row["value"], row["n"]) for row in rows] == [("exact-match/copy", 1.0, 1)]


def losses(rows: list[dict[str, Any]]) -> dict[str, float]:
    return {row["set"]: row["value"] for row in rows if row["metric"] == "loss"}


def logged(run: Path, which: int) -> dict[str, Any]:
    """Per task, the loss of one of the run's evaluations."""
    tasks = events(run, "eval")[which]["tasks"]
    return {name: pytest.approx(values["loss"], rel=1e-4) for name, values in tasks.items()}


def test_a_run_is_measured_by_its_losses_where_nobody_says_more(
    evaluated_run: tuple[Path, Path], evaluate: Evaluate, tmp_path: Path
) -> None:
    rows = evaluate(evaluated_run[1], "--output", tmp_path / "out")
    assert {row["metric"] for row in rows} == {"loss", "perplexity"}
    assert losses(rows) == logged(evaluated_run[1], -1)


@pytest.mark.parametrize("form", ["merged", "adapter"])
def test_an_exported_model_has_the_losses_of_its_run(
    evaluated_run: tuple[Path, Path], evaluate: Evaluate, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run, exported = evaluated_run[1], tmp_path / "exported"
    assert mft("export", str(run), "--output", str(exported), "--format", form) == 0
    capsys.readouterr()
    rows = evaluate(exported, "--data", run.parent / "data", "--output", tmp_path / "out")
    assert losses(rows) == {name: pytest.approx(loss.expected, rel=1e-3) for name, loss in logged(run, -1).items()}


def test_a_base_has_the_losses_that_a_run_of_it_starts_with(
    evaluated_run: tuple[Path, Path], evaluate: Evaluate, tmp_path: Path
) -> None:
    data = evaluated_run[1].parent / "data"
    rows = evaluate("tiny", "--model", "llama", "--on", "loss", "--data", data, "--output", tmp_path / "out")
    assert losses(rows) == logged(evaluated_run[1], 0)


def test_a_run_can_be_measured_on_other_tasks(
    evaluated_run: tuple[Path, Path], evaluate: Evaluate, tmp_path: Path
) -> None:
    write_tasks(tmp_path / "data", {"other": 6})
    rows = evaluate(evaluated_run[1], "--data", tmp_path / "data", "--output", tmp_path / "out")
    assert list(losses(rows)) == ["other"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("tiny", "--model", "llama", "--on", "loss"), "--data DIR"),
        (("tiny", "--model", "llama", "--data", "nowhere"), "nowhere is not a folder"),
        (("--samples-file", "s.jsonl", "--on", "mbpp", "--data", "."), "nothing is measured on it"),
    ],
)
def test_what_cannot_be_measured_says_so(
    command: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mft("eval", *command) == 2
    assert expected in " ".join(capsys.readouterr().err.split())
