"""From measured losses to verdicts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.made_up_comparisons import comparison
from mft_core.comparison.arms import ArmRun
from mft_core.comparison.losses_file import LOSSES_FILE, TaskLossesBySample, write_losses
from mft_core.comparison.outcome import gather, with_differences
from mft_core.errors import MftError
from mft_core.events import EventLog
from mft_core.recipe.schema import Recipe

SAMPLES = 40
TOKENS = np.full(SAMPLES, 10)
DIGESTS = np.arange(SAMPLES, dtype=np.uint64)


def losses(mean: float) -> TaskLossesBySample:
    spread = np.linspace(-0.5, 0.5, SAMPLES)
    return TaskLossesBySample((mean + spread) * TOKENS, TOKENS, DIGESTS)


def finished(folder: Path, arm: str, seed: int, means: dict[str, float]) -> ArmRun:
    """A run that ended with these losses."""
    folder = folder / arm / f"seed-{seed}"
    folder.mkdir(parents=True)
    write_losses(folder / LOSSES_FILE, {name: losses(mean) for name, mean in means.items()})
    log = EventLog(folder)
    log.emit("start", 0, model={}, tasks={}, steps=4)
    log.emit("train", 4, loss=1.0, seconds=2.5, tasks={})
    log.emit("end", 4, reason="done", seconds=9.0, tokens=1000, selected=4)
    return ArmRun(arm, "", seed, Recipe().having("output", dir=str(folder)))


def test_what_is_lower_beyond_chance_is_called_lower(tmp_path: Path) -> None:
    runs = [
        finished(tmp_path, arm, seed, {"add": mean + 0.001 * seed, "new": 3.0})
        for arm, mean in (("mixed", 2.0), ("famo", 1.5))
        for seed in (0, 1)
    ]
    base = {"add": losses(4.0), "new": losses(3.0)}
    found = gather(runs, base, {"add": 1.0}, ["new", "gone"], "mixed")
    add, new = found.tasks
    assert (add.name, add.unseen, add.samples, add.tokens) == ("add", False, SAMPLES, 10 * SAMPLES)
    assert (new.name, new.unseen) == ("new", True)
    assert add.arms["famo"].loss == pytest.approx(1.5005)
    assert add.arms["famo"].difference == pytest.approx(-0.5)
    assert (add.arms["famo"].verdict, add.arms["base"].verdict, add.arms["mixed"].verdict) == ("lower", "higher", "")
    assert new.arms["famo"].difference == pytest.approx(0)
    assert found.mean.arms["famo"].loss == pytest.approx(1.5005)
    assert found.cost["famo"].tokens == 1000
    assert found.cost["famo"].seconds == 2.5
    assert any("gone" in warning for warning in found.warnings)


@pytest.mark.parametrize("lost", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_counts_as_the_highest_and_is_named(tmp_path: Path, lost: float) -> None:
    base = {"add": losses(4.0), "sub": losses(4.0)}
    for reference, verdict in (("sound", "higher"), ("lost", "lower")):
        runs = [
            finished(tmp_path / reference, "sound", 0, {"add": 2.0, "sub": 2.0}),
            finished(tmp_path / reference, "lost", 0, {"add": lost, "sub": 1.0}),
        ]
        found = gather(runs, base, {"add": 1.0, "sub": 1.0}, [], reference)
        other = "lost" if reference == "sound" else "sound"
        assert found.tasks[0].arms[other].verdict == found.mean.arms[other].verdict == verdict
        assert found.tasks[1].arms[other].verdict == ("lower" if other == "lost" else "higher")
        assert [warning for warning in found.warnings if "add" in warning and warning.endswith("of: lost")]
        json.dumps(found.as_json(), allow_nan=False)


def test_arms_that_are_one_and_the_same_training_are_no_comparison(tmp_path: Path) -> None:
    seeds = {"mixed": (2.0, 2.0), "mix": (2.0, 2.0), "famo": (2.01, 2.03)}
    runs = [
        finished(tmp_path, arm, seed, {"a": mean, "b": mean + 1})
        for arm, means in seeds.items()
        for seed, mean in enumerate(means)
    ]
    base = {"a": losses(3.0), "b": losses(3.0)}
    found, without = (
        gather([run for run in runs if run.arm in arms], base, {"a": 1.0, "b": 1.0}, [], "mixed")
        for arms in (seeds, ("mixed", "famo"))
    )
    assert [(pair.one, pair.other) for pair in found.pairs if pair.p is None] == [("mixed", "mix")]
    assert (found.reading.pairs, found.reading.comparisons) == (2, 2)
    assert found.tasks[0].arms["famo"].p_corrected == without.tasks[0].arms["famo"].p_corrected
    assert "could not be told apart from mix (the same results" in found.reading.sentences[0]


def test_other_validation_samples_are_refused(tmp_path: Path) -> None:
    run = finished(tmp_path, "mixed", 0, {"add": 2.0})
    base = {"add": replace(losses(4.0), digests=DIGESTS + np.uint64(1))}
    with pytest.raises(MftError, match="other validation samples of 'add'"):
        gather([run], base, {"add": 1.0}, [], "mixed")
    with pytest.raises(MftError, match="no task has validation data"):
        gather([run], {}, {"add": 1.0}, [], "mixed")


def test_without_the_reference_differences_are_unknown() -> None:
    stack = {"base": np.ones((1, 2)), "mixed": np.full((1, 2), 3.0)}
    assert with_differences(stack, "base")[2:].tolist() == [[[0.0, 0.0]], [[2.0, 2.0]]]
    assert np.isnan(with_differences(stack, "famo")[2:]).all()


def test_it_is_json() -> None:
    found = json.loads(json.dumps(comparison().as_json(), allow_nan=False))
    assert found["unit"] == "nats per supervised token"
    assert found["against_reference"] == {
        "famo": {"lower": ["add", "unknown"], "higher": [], "no difference shown": ["a|b"], "unknown": []}
    }
