"""One evaluation: evaluators and options are chosen, wrong use is explained, several are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from helpers.running import mft


def test_a_radar_chart_shows_several_evaluations(evaluated_run: tuple[Path, Path], tmp_path: Path) -> None:
    command = (
        "eval",
        str(evaluated_run[0]),
        "--on",
        "exact-match",
        "--limit",
        "1",
        "--set",
        "eval.exact-match.max_new_tokens=2",
    )
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
        (("tiny", "--model", "llama", "--on", "loss"), "Name a run folder, or give"),
        (("tiny", "--model", "llama", "--on", "exact-match"), "none are given"),
        (("tiny", "--on", "loss", "--samples", "3"), "none of loss has the option 'samples'"),
        (("tiny", "--on", "loss", "--set", "train.steps=3"), "expected eval.NAME.OPTION"),
        (("tiny", "--on", "loss", "--set", "eval.bleu.data=x"), "'bleu' is not among the evaluators"),
        (("tiny", "--on", "bleu", "--set", "eval.bleu.dta=x"), "did you mean 'data'"),
        (("tiny", "--on", "humaneval", "--set", "eval.humaneval.data=nowhere"), "/nowhere Give the set's file"),
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
