"""What can be wrong with a comparison shows before its first run."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.running import mft
from helpers.small_comparisons import compared_in, outcome, write_comparison


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--arms", "mixed,fano"), "famo"),
        (("--arms", "mixed", "--unseen", "unknwon"), "unknown"),
        (("--arms", "mixed,balanced", "--set", "loss.every=2"), "loss.every"),
        (("--arms", "single", "--unseen", "unknown"), "several tasks"),
        (("--arms", "mixed", "--unseen", "add", "--unseen", "reverse", "--unseen", "unknown"), "nothing is left"),
        (("--arms", "mixed", "--unseen", "add=data/unknown"), "'add'"),
    ],
)
def test_wrong_use_is_named_before_anything_is_written(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch, wrong: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(write_comparison(tmp_path))
    assert mft("compare", "recipe.toml", *wrong, "--output", str(tmp_path / "out")) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_an_arm_whose_loss_will_never_act_is_said(tmp_path: Path) -> None:
    arms = ("--arms", "single,mixed,dwa", "--seeds", "1", "--steps", "2")
    found = outcome(compared_in(write_comparison(tmp_path), *arms))
    said = [warning for warning in found["warnings"] if "moves no weight" in warning]
    assert [warning.split(":")[0] for warning in said] == ["arm 'dwa'"]
