"""A run's result says what it was made of, and not where."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.running import events, mft, settings, write_tasks


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lora", "full"])
def test_the_card_of_a_run_has_its_losses_and_counts_and_no_place(method: str, tmp_path: Path) -> None:
    data = write_tasks(tmp_path / "data", {"add": 20, "copy": 9})
    run = tmp_path / "run"
    options = settings("model.dtype=float32", f"tune.method={method}", "train.learning_rate=1e-3", "train.callbacks=[]")
    command = ("run", "--model", "llama", "--base", "tiny", "--data", str(data), "--output", str(run), "--steps", "4")
    assert mft(*command, *options) == 0
    text = (run / "final" / "README.md").read_text(encoding="utf-8")
    (end,), evaluations = events(run, "end"), events(run, "eval")
    losses = {event["step"]: event["tasks"] for event in evaluations}
    (start,) = events(run, "start")
    for task in ("add", "copy"):
        counts = start["tasks"][task]
        shown = [losses[0][task]["loss"], losses[end["selected"]][task]["loss"]]
        row = [counts["train"], counts["valid"], counts["supervised"], *(f"{loss:.3f}" for loss in shown)]
        assert f"| {task} | {' | '.join(map(str, row))} |" in text
    assert ("for tiny" if method == "lora" else "from tiny") in text
    assert str(tmp_path) not in text
    assert str(Path.home()) not in text
    assert "More Information Needed" not in text
