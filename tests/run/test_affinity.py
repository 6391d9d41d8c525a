"""How often who helps whom is measured, what that costs, and what a run makes of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from helpers.running import REPORT, arguments, events, largest_difference, mft, settings, weights
from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.sample_table import SampleTable
from mft_core.recipe.loading import load_recipe
from mft_core.run.affinity import FEWEST, MOST, SHARE, USUAL, affinity_schedule, affinity_warnings
from mft_core.testing.samples import random_stores
from mft_packing.best_fit import BestFit


def tasks_of(count: int, samples: int = 8, valid: int = 3) -> Any:
    trained, held = random_stores([samples] * count), random_stores([valid] * count)
    pairs = enumerate(zip(trained, held, strict=True))
    return [SimpleNamespace(name=f"t{number}", train=one, valid=other) for number, (one, other) in pairs]


def schedule(tasks: Any, steps: int, every: int = 0, batch: int = 32):
    recipe = load_recipe(None, [("output.affinity", True), ("output.affinity_every", every)])
    training = BatchPlan(SampleTable([task.train for task in tasks]), BestFit(), 24, batch, 0)
    return affinity_schedule(recipe, tasks, training, steps)


def test_a_long_run_is_measured_about_ten_times() -> None:
    found = schedule(tasks_of(3), steps=2005)
    assert found.measurements == USUAL
    assert found.request.every == 200
    assert found.samples == 3 * (2 + 2)
    assert 0 < found.share < SHARE


def test_a_short_one_as_often_as_a_tenth_of_its_work_allows_but_three_times_at_least() -> None:
    shares = [schedule(tasks_of(3), steps) for steps in (30, 60, 120)]
    assert [found.measurements >= FEWEST for found in shares] == [True] * 3
    assert shares[0].measurements <= shares[1].measurements <= shares[2].measurements <= USUAL + 1
    assert schedule(tasks_of(3), steps=5).share > SHARE


def test_the_cost_is_counted_in_forwards_of_tokens() -> None:
    tasks = tasks_of(3)
    found = schedule(tasks, steps=40, every=40)
    train, valid = (sum(2 * float(side.lengths.mean()) for side in sides) for sides in zip(
        *((task.train, task.valid) for task in tasks), strict=True
    ))  # fmt: skip
    table = SampleTable([task.train for task in tasks])
    epoch = BatchPlan(table, BestFit(), 24, 32, 0).epoch(0)
    steps = 3 * float(table.lengths.sum()) / epoch.steps * 40
    assert found.share == pytest.approx((3 * (train + valid) + 4 * valid) / steps)


def test_many_tasks_take_no_trial_steps_and_it_is_said() -> None:
    assert schedule(tasks_of(20), 100).request.look_ahead
    assert not schedule(tasks_of(21), 100).request.look_ahead
    recipe = load_recipe(None, [("output.affinity", True)])
    (warning,) = affinity_warnings(recipe, tasks_of(21), 100)
    assert "only cosines" in warning


def test_a_recipe_may_say_how_often_up_to_a_bound() -> None:
    assert schedule(tasks_of(2), 100, every=1).measurements == 100
    bounded = schedule(tasks_of(2), 5000, every=1)
    assert bounded.measurements == MOST
    recipe = load_recipe(None, [("output.affinity", True), ("output.affinity_every", 1)])
    (warning,) = affinity_warnings(recipe, tasks_of(2), 5000)
    assert "at most 200 measurements are taken, one every 25 steps" in warning


def test_nothing_is_measured_unasked_or_of_one_task() -> None:
    tasks = tasks_of(1)
    assert schedule(tasks, 100) is None
    (warning,) = affinity_warnings(load_recipe(None, [("output.affinity", True)]), tasks, 100)
    assert "one task alone" in warning
    assert list(affinity_warnings(load_recipe(None, []), tasks, 100)) == []


def test_tasks_without_validation_data_are_named() -> None:
    tasks = [*tasks_of(2), *tasks_of(1, valid=0)]
    (warning,) = affinity_warnings(load_recipe(None, [("output.affinity", True)]), tasks, 100)
    assert warning.endswith("nothing is known of: t0")


MEASURED = ("--steps", "6", *settings("output.affinity=true", "output.affinity_every=2", "train.save_every=3"))


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("affinity") / "run"
    assert mft(*arguments(data, folder, *MEASURED, *REPORT)) == 0
    return folder


@pytest.mark.slow
def test_a_run_leaves_its_events_a_file_a_picture_and_a_section_of_the_page(run: Path) -> None:
    assert [event["step"] for event in events(run, "affinity")] == [2, 4, 6]
    found = json.loads((run / "affinity.json").read_text(encoding="utf-8"))
    assert found["tasks"] == ["add", "copy", "reverse"]
    assert found["steps"] == [2, 4, 6]
    mean = sum(event["gain"][0][1] for event in events(run, "affinity")) / 3
    assert found["gain"]["mean"][0][1] == pytest.approx(mean, rel=1e-5)
    assert found["gain"]["low"][0][1] < mean < found["gain"]["high"][0][1]
    assert (run / "affinity.png").read_bytes().startswith(b"\x89PNG")
    assert "Who helps whom" in (run / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_it_changes_no_weight_and_a_resumed_run_measures_the_same(run: Path, data: Path, tmp_path: Path) -> None:
    plain, resumed = tmp_path / "plain", tmp_path / "resumed"
    assert mft(*arguments(data, plain, "--steps", "6")) == 0
    assert largest_difference(weights(plain), weights(run)) == 0
    shutil.copytree(run, resumed)
    for gone in (resumed / "final", resumed / "checkpoints" / "step-000006"):
        shutil.rmtree(gone)
    (resumed / "affinity.json").unlink()
    assert mft(*arguments(data, resumed, *MEASURED, "--resume")) == 0
    assert largest_difference(weights(plain), weights(resumed)) == 0
    assert events(resumed, "affinity") == events(run, "affinity")
    found, expected = (json.loads((folder / "affinity.json").read_text()) for folder in (resumed, run))
    assert found["gain"] == expected["gain"]


@pytest.mark.slow
def test_the_plan_says_what_it_costs_and_json_what_it_found(run: Path, data: Path, tmp_path: Path, capsys) -> None:
    assert mft(*arguments(data, tmp_path / "none", *MEASURED, "--dry-run")) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "3 measurements, one every 2 steps: gradients of 12 samples and 3 trial steps" in said
    assert mft("report", str(run), "--json") == 0
    printed = json.loads(capsys.readouterr().out)["affinity"]
    assert printed == json.loads((run / "affinity.json").read_text(encoding="utf-8"))
