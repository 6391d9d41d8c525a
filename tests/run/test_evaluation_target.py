"""A finished run as what is evaluated: its model and its validation data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.given_samples import write_completions
from helpers.running import Evaluate, events

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
