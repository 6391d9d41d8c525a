"""`mft compare` with the arm "mix": small runs, a law, proportions and one run; interrupted, refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from helpers.running import events, largest_difference, mft, settings, weights
from helpers.small_comparisons import MIX, MIX_SETTINGS, compared_in, outcome, results, without_times
from helpers.workers import run_commands_on
from mft_core.comparison.arm import parse_arm
from mft_core.recipe.loading import load_recipe

pytestmark = pytest.mark.usefixtures("in_comparison")
FEW = ("--seeds", "1", *MIX_SETTINGS)
ARMS = ("--arms", f"mixed,{MIX}", *FEW)
COMMAND = ("compare", "recipe.toml", *ARMS)


@pytest.fixture(scope="module")
def compared(comparison: Path) -> Path:
    return compared_in(comparison, *ARMS)


def arm_folder(output: Path) -> Path:
    return output / parse_arm(MIX).folder


def mixture(output: Path) -> dict[str, Any]:
    """What the last run of the arm says of its proportions; small runs have nothing to say."""
    (found,) = [run["mixture"] for run in outcome(output)["runs"] if "mixture" in run]
    return found


def test_five_small_runs_lead_to_proportions_that_sum_to_one(compared: Path) -> None:
    found = mixture(compared)
    assert found["small_runs"] == len(list(arm_folder(compared).glob("small-*/seed-0/losses.npz"))) == 5
    tasks = found["tasks"]
    assert list(tasks) == ["add", "reverse"]
    for kind in ("natural", "best", "share"):
        assert sum(task[kind] for task in tasks.values()) == pytest.approx(1, abs=1e-5)
    assert all(0.4999 < task["best"] / task["natural"] < 2.0001 for task in tasks.values())
    losses = {path.read_bytes() for path in arm_folder(compared).rglob("small-*/seed-0/losses.npz")}
    assert len(losses) == 5, "a run that is another's double holds the law to nothing"
    assert found["supported"] == (found["promised"] > found["error"])
    assert found["predicted"] == pytest.approx(found["natural"] - found["promised"] * found["supported"])
    natural = (compared / "mixed" / "seed-0" / "losses.npz").read_bytes()
    assert found["supported"] == ((arm_folder(compared) / "seed-0" / "losses.npz").read_bytes() != natural)


def test_what_was_expected_stands_beside_what_was_reached(compared: Path) -> None:
    found, law, page = outcome(compared), mixture(compared), (compared / "compare.md").read_text()
    last = events(arm_folder(compared) / "seed-0", "eval")[-1]
    assert law["reached"] == pytest.approx(last["loss"], rel=1e-6)
    for name, task in law["tasks"].items():
        assert task["reached"] == pytest.approx(last["tasks"][name]["loss"], rel=1e-6)
        assert f"| {task['error']:.4f} | {task['predicted']:.4f} | {task['reached']:.4f} |" in page
    said = " ".join(found["reading"]["sentences"])
    expected = f"the law expected {law['predicted']:.4f} on the mean over tasks, and {law['reached']:.4f} was"
    assert expected in said
    assert f"has not seen by {law['error']:.4f}" in said
    assert expected in page
    assert any("found on the validation samples" in text for text in found["warnings"])


def test_the_cost_counts_the_small_runs(compared: Path) -> None:
    cost = outcome(compared)["cost"][MIX]
    folders = [*arm_folder(compared).glob("small-*/seed-0"), arm_folder(compared) / "seed-0"]
    ends = [events(run, "end")[-1] for run in folders]
    last = ends[-1]["tokens"]
    assert cost["runs"] == len(ends) == 6
    assert cost["steps"] == sum(end["step"] for end in ends) == pytest.approx(6 + 7 * 6, abs=3)
    assert (
        cost["tokens"]
        == sum(end["tokens"] for end in ends)
        == pytest.approx(mixture(compared)["small_tokens"] + last, rel=1e-6)
    )


def test_given_again_it_does_nothing_new(compared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in arm_folder(compared).rglob("*") if path.is_file()}
    assert mft(*COMMAND, "--output", "out", "--json") == 0
    assert json.loads(capsys.readouterr().out) == outcome(compared)
    assert {path: path.read_bytes() for path in arm_folder(compared).rglob("*") if path.is_file()} == before


def test_interrupted_before_its_last_run_it_goes_on_to_the_same_bytes(compared: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shutil.copytree(compared, output)
    for lost in ("seed-0", "small-4/seed-0"):
        shutil.rmtree(arm_folder(output) / lost)
    (arm_folder(output) / "proportions-seed-0.json").unlink()
    assert results(output).keys() < results(compared).keys()
    assert mft(*COMMAND, "--output", str(output)) == 0
    assert results(output) == results(compared)
    assert without_times(outcome(output)) == without_times(outcome(compared))


def test_side_by_side_its_runs_come_out_as_one_after_another(
    compared: Path, tmp_path: Path, workers_are_forked: list[list[str]]
) -> None:
    output = tmp_path / "out"
    assert mft(*COMMAND, "--jobs", "2", "--output", str(output)) == 0
    assert {path.name for path in output.rglob("proportions-*")} == {"proportions-seed-0.json"}
    assert len(results(output)) == 16
    assert results(output) == results(compared)
    log = (output / "compare.log").read_text()
    assert len(workers_are_forked) == 7
    last = log.index(f"{MIX}, seed 0: begins")
    assert log[:last].count("/small-") > 0
    assert log.count(", seed 0: finished") == 7
    assert log[last:].count("/small-") == 0, "the last run needs all small ones"


def test_two_processes_find_the_proportions_of_one(tmp_path: Path) -> None:
    exact = settings("model.dtype=float64", "tune.dropout=0", "train.micro_batch_size=1")
    command = ("compare", "recipe.toml", "--arms", MIX, *FEW, *exact)
    folders = [tmp_path / "one", tmp_path / "two"]
    assert mft(*command, "--output", str(folders[0])) == 0
    run_commands_on(2, [*command, "--output", str(folders[1])])
    for run in ("small-0", "small-1", "small-2", "small-3", "small-4", ""):
        one, two = (arm_folder(folder) / run / "seed-0" for folder in folders)
        assert [event["tokens"] for event in events(one, "amounts")] == [
            event["tokens"] for event in events(two, "amounts")
        ]
        assert largest_difference(weights(one), weights(two)) < 1e-9
        assert events(two, "start")[0]["model"]["ranks"] == 2
    one, two = map(mixture, folders)
    assert two["supported"] == one["supported"]
    for key in ("promised", "error", "predicted", "reached"):
        assert two[key] == pytest.approx(one[key], rel=1e-4)
    for name, task in one["tasks"].items():
        assert two["tasks"][name]["best"] == pytest.approx(task["best"], rel=1e-3)


def test_other_proportions_are_what_the_last_run_trains_on(compared: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shutil.copytree(compared, output)
    shutil.rmtree(arm_folder(output) / "seed-0")
    path = arm_folder(output) / "proportions-seed-0.json"
    found = json.loads(path.read_text())
    for task, times in (("add", 0.6), ("reverse", 2.0)):
        before = found["tasks"][task]
        before["share"], before["repeat"] = before["natural"] * times, times
    path.write_text(json.dumps({**found, "supported": True}))
    assert mft(*COMMAND, "--output", str(output)) == 0
    tasks = load_recipe(arm_folder(output) / "seed-0" / "recipe.toml").data.tasks
    assert {task.name: task.repeat for task in tasks} == {"add": 0.6, "reverse": 2.0}
    trained = [sum_of(events(run / "seed-0", "train")) for run in (output / "mixed", arm_folder(output))]
    assert trained[1]["add"] < trained[0]["add"]
    assert trained[1]["reverse"] > 1.4 * trained[0]["reverse"]
    said = [text for text in outcome(output)["reading"]["sentences"] if "Shares: " in text]
    assert ["29.5% to 59.0%" in text for text in said] == [True]


def sum_of(steps: list[dict[str, Any]]) -> dict[str, int]:
    """Supervised tokens by task."""
    return {task: sum(step["tasks"][task]["tokens"] for step in steps) for task in ("add", "reverse")}


def test_small_runs_that_came_out_otherwise_are_told(compared: Path, tmp_path: Path, capsys) -> None:
    output = tmp_path / "out"
    shutil.copytree(compared, output)
    small = arm_folder(output) / "small-{}" / "seed-0" / "losses.npz"
    shutil.copy(str(small).format(1), str(small).format(2))
    assert mft(*COMMAND, "--output", str(output)) == 2
    assert "came out otherwise than those that its proportions were found from" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arm", "more", "said", "mended"),
    [
        ("mix", ('data.include=["add"]',), "'add' is the only one", "give more tasks"),
        ("mix", (), "the smallest would have 0", "give the small runs more than a budget (share="),
        ("mix shares=2", (), "mix has no option 'shares'", "did you mean 'share'?"),
        ("mix runs=3", (), "3 small runs are too few", "runs=5 or more"),
        ("mix runs=9 share=50", (), "2 tasks can all be changed at once in 5 small runs", "leave runs out, for 7"),
        ("mix factor=1", (), "factor", "greater than 1"),
        ("mix", ("data.temperature=2",), "data.temperature = 2 sets them", "mix data.temperature=1"),
    ],
)  # fmt: skip
def test_what_it_cannot_do_is_refused_with_a_way_out(arm, more, said, mended, tmp_path: Path, capsys) -> None:
    command = ("compare", "recipe.toml", "--arms", arm, *FEW, *settings(*more))
    assert mft(*command, "--output", str(tmp_path / "out")) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert said in error
    assert mended in error
