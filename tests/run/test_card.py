"""A run's result says what it was made of, and not where."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.running import events, mft, settings, write_tasks
from mft_core.run.card import public_name


def test_a_base_is_called_by_what_others_know_it_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "org" / "name").mkdir(parents=True)
    assert public_name("org/other@abc") == ("org/other@abc", True)
    assert public_name("org/name") == ("name", False)
    assert public_name(str(tmp_path / "org" / "name")) == ("name", False)
    assert public_name(f"folder:{tmp_path / 'org'}") == ("org", False)
    assert public_name("/gone/secret/base") == ("base", False)
    assert public_name("~/base") == ("base", False)
    assert public_name("smollm2") == ("smollm2", False)
    assert public_name("modelscope:org/other") == ("modelscope:org/other", False)


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
