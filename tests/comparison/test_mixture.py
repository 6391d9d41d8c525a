"""From small runs on disk to the proportions of the run they are for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mft_core.comparison.arm import AMOUNTS_EVENT
from mft_core.comparison.arms import ArmRun, Mixing
from mft_core.comparison.losses_file import LOSSES_FILE, TaskLossesBySample, write_losses
from mft_core.comparison.mixing_law import MixingLaw, predict
from mft_core.comparison.mixture import Tried, find_mixture, held_to, read_mixture, resolved
from mft_core.comparison.small_runs import Amounts, MixOptions, changed_amounts
from mft_core.errors import MftError, UsageError
from mft_core.events import EventLog
from mft_core.recipe.schema import Recipe
from mft_core.support import run_files

TASKS = ("add", "sort")
# What helps: "sort", of which there is little. "add" is learnt already.
LAWS = [MixingLaw(0.01, 0.0, 1.0, 0.3, 1.0, 1e4), MixingLaw(1.0, 0.0, 1.0, 0.6, 0.5, 1e4)]
AMOUNTS = Amounts(TASKS, np.array([8000.0, 2000.0]), np.array([1.0, 0.5]), np.ones(2), 1.0, 300)
SMALL = changed_amounts(2, MixOptions()) * AMOUNTS.tokens / 8


def losses_of(values: np.ndarray) -> dict[str, TaskLossesBySample]:
    """Two samples a task, of three tokens each, with these mean losses."""
    size = np.full(2, 3)
    return {
        task: TaskLossesBySample(np.array([2.0, 4.0]) * value, size, np.arange(2, dtype=np.uint64))
        for task, value in zip(TASKS, values, strict=True)
    }


def written(folder: Path, noise: float = 0.0) -> ArmRun:
    """The run of the arm, whose small runs lie in `folder`."""
    wrong = noise * np.random.default_rng(0).standard_normal(SMALL.shape)
    sources = []
    for number, (amounts, losses) in enumerate(zip(SMALL, predict(LAWS, SMALL) + wrong, strict=True)):
        run = folder / f"small-{number}" / "seed-0"
        run.mkdir(parents=True)
        EventLog(run).emit(AMOUNTS_EVENT, 1, tokens=dict(zip(TASKS, amounts.tolist(), strict=True)))
        write_losses(run / LOSSES_FILE, losses_of(losses))
        sources.append(run)
    recipe = Recipe().having("data", include=list(TASKS)).having("output", dir=str(folder / "seed-0"))
    return ArmRun("mix", "", 0, recipe, mixing=Mixing(MixOptions(), AMOUNTS, sources))


def repeats(run: ArmRun) -> list[float]:
    return [task.repeat for task in run.recipe.data.tasks]


def test_the_task_that_more_data_helps_is_repeated_and_the_pass_keeps_its_tokens(tmp_path: Path) -> None:
    run = written(tmp_path)
    found = resolved(run)
    add, sort = repeats(found)
    assert add < 1.0
    assert sort > 1.0  # 0.5 by itself
    times = np.array([add, sort]) / AMOUNTS.repeats
    assert times @ AMOUNTS.tokens == pytest.approx(AMOUNTS.tokens.sum(), rel=1e-5)
    kept = read_mixture(run)
    assert kept is not None
    assert kept["supported"]
    assert sum(task["share"] for task in kept["tasks"].values()) == pytest.approx(1, abs=1e-5)
    assert resolved(run) == found


def test_noise_larger_than_the_promise_keeps_the_natural_proportions(tmp_path: Path) -> None:
    run = written(tmp_path, noise=1.0)
    assert resolved(run).recipe == run.recipe
    found = read_mixture(run)
    assert found is not None
    assert not found["supported"]
    assert found["error"] > found["promised"]


def test_what_is_reached_is_set_beside_what_was_expected() -> None:
    mixing = Mixing(MixOptions(), AMOUNTS, [])
    found = find_mixture(mixing, Tried(SMALL, predict(LAWS, SMALL)))
    shares = np.array([found["tasks"][task]["share"] for task in TASKS])
    truth = predict(LAWS, shares * AMOUNTS.budget)
    assert found["predicted"] == pytest.approx(truth.mean(), abs=0.01)
    held = held_to(found, mixing, losses_of(truth))
    assert held["reached"] == pytest.approx(truth.mean())
    assert held["tasks"]["sort"]["reached"] == pytest.approx(truth[1])


def test_the_mean_that_is_lowered_weighs_tasks_by_their_importance() -> None:
    def found(weights: tuple[float, float]) -> dict[str, Any]:
        amounts = replace(AMOUNTS, importance=np.array(weights))
        return find_mixture(Mixing(MixOptions(), amounts, []), Tried(SMALL, predict(LAWS, SMALL)))

    for weights in ((1.0, 1.0), (1e4, 1.0)):
        laws, (add, sort) = found(weights), weights
        tasks = laws["tasks"]
        mean = (add * tasks["add"]["predicted"] + sort * tasks["sort"]["predicted"]) / (add + sort)
        assert laws["predicted"] == pytest.approx(mean, rel=1e-9)
    assert found((1e4, 1.0))["tasks"]["sort"]["best"] < found((1.0, 1.0))["tasks"]["sort"]["best"]
    # "sort" gains from every token: it goes as far as small runs have tried.
    assert found((1.0, 1.0))["tasks"]["sort"]["bounded"]


def test_small_runs_that_came_out_otherwise_are_taken_anew_but_not_under_a_run_that_has_begun(tmp_path: Path) -> None:
    run = written(tmp_path)
    before = repeats(resolved(run))
    write_losses(tmp_path / "small-3" / "seed-0" / LOSSES_FILE, losses_of(np.array([0.3, 1.0])))
    after = repeats(resolved(run))
    assert after != before
    run.folder.mkdir()
    (run.folder / run_files.RECIPE).touch()
    assert repeats(resolved(run)) == after
    write_losses(tmp_path / "small-3" / "seed-0" / LOSSES_FILE, losses_of(np.array([0.4, 1.0])))
    with pytest.raises(UsageError, match="came out otherwise") as caught:
        resolved(run)
    assert f"delete {run.folder}" in caught.value.hint


def test_small_runs_without_an_end_or_a_finite_loss_are_named(tmp_path: Path) -> None:
    run = written(tmp_path)
    path = tmp_path / "small-2" / "seed-0" / LOSSES_FILE
    write_losses(path, losses_of(np.array([1.0, np.nan])))
    with pytest.raises(MftError, match=r"small-2.* has a loss on sort that is not finite"):
        resolved(run)
    path.unlink()
    with pytest.raises(MftError, match=r"small-2.* is no small run that has ended"):
        resolved(run)


def test_a_small_run_without_one_of_the_tasks_is_named(tmp_path: Path) -> None:
    run = written(tmp_path)
    EventLog(tmp_path / "small-4" / "seed-0").emit(AMOUNTS_EVENT, 1, tokens={"add": 10.0, "sort": 0.0})
    with pytest.raises(MftError, match=r"small-4.* has trained on nothing of sort"):
        resolved(run)
