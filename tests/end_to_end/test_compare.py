"""`mft compare`: the table is what the runs' metrics say, killed it goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from helpers.running import events, mft, start_mft, wait_for_step
from helpers.small_comparisons import TASKS, compared_in, outcome, without_times
from mft_core.comparison.losses_file import read_losses

pytestmark = pytest.mark.usefixtures("in_comparison")
ARMS = ("--arms", "single,mixed,famo", "--seeds", "2", "--unseen", "unknown")


@pytest.fixture(scope="module")
def compared(comparison: Path) -> Path:
    return compared_in(comparison, *ARMS)


def run_folders(output: Path, arm: str, task: str) -> list[Path]:
    """One for each seed."""
    return [output / arm / (task if arm == "single" else "") / f"seed-{seed}" for seed in (0, 1)]


def test_the_table_is_what_the_metrics_of_the_runs_say(compared: Path) -> None:
    found = outcome(compared)
    assert [task["name"] for task in found["tasks"]] == ["add", "reverse", "unknown"]
    for task in found["tasks"][:2]:
        assert list(task["arms"]) == ["base", "single", "mixed", "famo"]
        for arm in ("single", "mixed", "famo"):
            lasts = [events(run, "eval")[-1] for run in run_folders(compared, arm, task["name"])]
            losses = [last["tasks"][task["name"]]["loss"] for last in lasts]
            assert task["arms"][arm]["by_seed"] == pytest.approx(losses, rel=1e-6)
            assert task["arms"][arm]["loss"] == pytest.approx(np.mean(losses), rel=1e-6)
            assert task["tokens"] == lasts[0]["tasks"][task["name"]]["tokens"]
        first = events(compared / "mixed" / "seed-0", "eval")[0]["tasks"][task["name"]]["loss"]
        assert task["arms"]["base"]["loss"] == pytest.approx(first, rel=1e-6)
        assert task["arms"]["famo"]["difference"] == pytest.approx(
            task["arms"]["famo"]["loss"] - task["arms"]["mixed"]["loss"], abs=1e-9
        )
    lasts = [events(run, "eval")[-1]["loss"] for run in run_folders(compared, "famo", "")]
    assert found["mean"]["arms"]["famo"]["loss"] == pytest.approx(np.mean(lasts), rel=1e-6)


def test_intervals_hold_their_estimates_and_verdicts_follow_from_them(compared: Path) -> None:
    found = outcome(compared)
    assert found["reference"] == "mixed"
    for task in (*found["tasks"], found["mean"]):
        for name, arm in task["arms"].items():
            assert arm["low"] <= arm["loss"] <= arm["high"]
            if name == "mixed":
                assert (arm["difference"], arm["verdict"]) == (None, "")
                continue
            assert arm["difference_low"] <= arm["difference"] <= arm["difference_high"]
            zero_is_in = arm["difference_low"] <= 0 <= arm["difference_high"]
            assert (arm["verdict"] == "no difference shown") == zero_is_in
    against = found["against_reference"]["famo"]
    assert sorted(name for names in against.values() for name in names) == ["add", "reverse", "unknown"]


def test_an_unseen_task_is_never_trained_and_measured_before_and_after(compared: Path) -> None:
    (task,) = [task for task in outcome(compared)["tasks"] if task["unseen"]]
    assert task["name"] == "unknown"
    assert list(task["arms"]) == ["base", "mixed", "famo"]
    assert task["arms"]["base"]["loss"] != task["arms"]["mixed"]["loss"]
    for run in run_folders(compared, "mixed", ""):
        assert events(run, "start")[0]["tasks"].keys() == {"add", "reverse"}


def test_budgets_are_equal(compared: Path) -> None:
    found = outcome(compared)
    assert found["cost"]["mixed"]["tokens"] == found["cost"]["famo"]["tokens"]
    for seed in (0, 1):
        multi = events(compared / "mixed" / f"seed-{seed}", "train")
        for task in ("add", "reverse"):
            start = events(compared / "single" / task / f"seed-{seed}", "start")[0]
            alone = events(compared / "single" / task / f"seed-{seed}", "train")
            seen_alone = sum(event["tasks"][task]["tokens"] for event in alone)
            seen_mixed = sum(event["tasks"][task]["tokens"] for event in multi)
            step = start["tasks"][task]["supervised"] / max(1, start["steps"] - 1)
            assert seen_mixed - 1 <= seen_alone <= seen_mixed + step
    spent = [run["tokens"] for run in found["runs"] if run["arm"] == "mixed"]
    assert found["cost"]["mixed"]["tokens"] == np.mean(spent)


def test_all_arms_and_seeds_share_one_validation_split_and_differ_in_their_training(compared: Path) -> None:
    runs = [run for arm in ("mixed", "famo") for run in run_folders(compared, arm, "")]
    measured = [read_losses(run / "losses.npz") for run in (*runs, *run_folders(compared, "single", "add"))]
    assert all(np.array_equal(part["add"].digests, measured[0]["add"].digests) for part in measured)
    losses = [float(part["add"].cross_entropy.sum()) for part in measured]
    assert len(set(losses)) == len(losses)


def test_every_run_can_be_used_on_its_own(compared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for run in (*run_folders(compared, "famo", ""), *run_folders(compared, "single", "reverse")):
        assert (run / "final").is_dir()
        assert (run / "recipe.toml").exists()
    options = events(compared / "famo" / "seed-1", "start")[0]["loss"]
    assert (options["name"], options["probe_samples"]) == ("famo", 1)
    page = (compared / "compare.md").read_text()
    assert "| mean over tasks |" in page
    assert "no difference shown" in page


def test_doing_it_again_trains_nothing_and_says_the_same(compared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = outcome(compared)
    logs = {path: path.read_bytes() for path in compared.glob("*/**/metrics.jsonl")}
    assert mft("compare", "recipe.toml", *ARMS, "--output", "out", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == outcome(compared) == before
    assert {path: path.read_bytes() for path in compared.glob("*/**/metrics.jsonl")} == logs


def test_another_unseen_task_is_measured_without_training_again(compared: Path, tmp_path: Path, capsys) -> None:
    output = tmp_path / "out"
    shutil.copytree(compared, output)
    weights = {path: path.read_bytes() for path in output.glob("mixed/*/final/*.safetensors")}
    other = f"elsewhere={Path('data/unknown').absolute()}"
    assert mft("compare", "recipe.toml", *ARMS, "--unseen", other, "--output", str(output), "--json") == 0
    (task,) = [task for task in json.loads(capsys.readouterr().out)["tasks"] if task["name"] == "elsewhere"]
    assert task["unseen"]
    assert task["samples"] == TASKS["unknown"]
    assert list(task["arms"]) == ["base", "mixed", "famo"]
    assert {path: path.read_bytes() for path in output.glob("mixed/*/final/*.safetensors")} == weights


def test_a_changed_recipe_is_refused_with_its_differences(compared: Path, capsys) -> None:
    assert mft("compare", "recipe.toml", *ARMS, "--output", "out", "--set", "train.learning_rate=1e-3") == 2
    assert "train.learning_rate: 0.005 -> 0.001" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_stopped_in_the_middle_it_goes_on_to_the_same_result(compared: Path, tmp_path: Path, number, code) -> None:
    stopped = tmp_path / "stopped"
    shutil.copytree(compared, stopped)
    last = stopped / "famo" / "seed-1"
    shutil.rmtree(last)
    (stopped / "compare.json").unlink()
    process = start_mft(["compare", "recipe.toml", *ARMS, "--output", str(stopped)])
    wait_for_step(process, last, 2)
    os.kill(process.pid, number)
    process.communicate()
    assert process.returncode == code
    assert not (stopped / "compare.json").exists()
    assert not (last / "final").exists()
    assert mft("compare", "recipe.toml", *ARMS, "--output", str(stopped)) == 0
    assert without_times(outcome(stopped)) == without_times(outcome(compared))


def test_who_helps_whom_is_measured_in_the_arms_on_all_tasks(tmp_path: Path, capsys) -> None:
    arms = ("--arms", "single,mixed", "--seeds", "2", "--affinity", "--set", "output.affinity_every=1")
    few = ("--set", "train.steps=3", "--set", 'data.include=["add", "reverse"]')
    assert mft("compare", "recipe.toml", *arms, *few, "--output", str(tmp_path / "out"), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found == outcome(tmp_path / "out")
    assert list(found["affinity"]) == ["mixed"]
    assert found["affinity"]["mixed"]["steps"] == [1, 2, 3] * 2
    assert not (tmp_path / "out" / "single" / "add" / "seed-0" / "affinity.json").exists()
    assert "## Who helps whom, in the runs of mixed" in (tmp_path / "out" / "compare.md").read_text()


def test_runs_that_had_ended_without_measuring_it_are_named(tmp_path: Path) -> None:
    few = ("--arms", "single,mixed", "--set", "train.steps=2", "--set", 'data.include=["add", "reverse"]')
    output = ("--output", str(tmp_path / "out"))
    affinity = ("--affinity", "--set", "output.affinity_every=1")
    for seeds, more, said in (
        ("1", (), ""),
        ("1", affinity, "all runs had ended without: mixed, seed 0;"),
        ("2", affinity, "1 of 2 runs that would measure it had ended without: mixed, seed 0;"),
    ):
        assert mft("compare", "recipe.toml", *few, "--seeds", seeds, *more, *output) == 0
        found = [warning for warning in outcome(tmp_path / "out")["warnings"] if "who helps whom" in warning]
        assert [said in warning for warning in found] == [True] * bool(said)
    assert outcome(tmp_path / "out")["affinity"]["mixed"]["steps"] == [1, 2]


def test_the_picture_is_drawn(compared: Path, tmp_path: Path, monkeypatch) -> None:
    from mft_report.comparison import MOST_TASKS, chosen_rows

    shutil.copytree(compared, tmp_path / "out")
    recipe = Path("recipe.toml").absolute()
    monkeypatch.chdir(tmp_path)  # a workspace with the report plugin
    assert mft("compare", str(recipe), *ARMS, "--output", "out") == 0
    assert (tmp_path / "out" / "compare.png").read_bytes().startswith(b"\x89PNG")
    found = outcome(compared)
    names = [name for name, _ in chosen_rows(found)]
    assert names == ["mean over tasks", "add", "reverse", "unknown (unseen)"]
    arms = {"mixed": {"difference": None}}
    many = [{"name": f"t{n}", "unseen": False, "arms": {**arms, "famo": {"difference": -n}}} for n in range(40)]
    assert [name for name, _ in chosen_rows({**found, "tasks": many})][1:] == [
        f"t{n}" for n in range(40 - MOST_TASKS, 40)
    ]


def test_evaluators_scores_are_gathered(tmp_path: Path, comparison: Path, capsys) -> None:
    (tmp_path / "counting.py").write_text(
        "from mft_core.hookspecs import Component, hookimpl\n"
        "from mft_core.interfaces import Evaluator\n"
        "from mft_core.records import Score\n"
        "class Size(Evaluator):\n"
        "    def evaluate(self, request):\n"
        "        return [Score('size', 'samples', float(len(request.validation().validation)), 1, 'counted')]\n"
        "@hookimpl\n"
        "def mft_evaluators():\n"
        "    return [Component('size', f'{__name__}:Size', 'validation samples')]\n"
    )
    recipe = comparison / "scored.toml"
    recipe.write_text('eval = ["loss", "size"]\n' + (comparison / "recipe.toml").read_text())
    more = ("--plugin", str(tmp_path / "counting.py"), "--set", "train.steps=1", "--set", 'data.include=["reverse"]')
    output = ("--output", str(tmp_path / "out"), "--json")
    assert mft("compare", "scored.toml", "--arms", "balanced,single", "--seeds", "1", *more, *output) == 0
    found = json.loads(capsys.readouterr().out)
    assert {(score["arm"], score["metric"]): score["mean"] for score in found["scores"]} == {
        ("balanced", "samples"): 2.0,
        ("single/reverse", "samples"): 2.0,
    }
    assert found["reference"] == "balanced"
    assert found["mean"]["arms"]["single"]["difference"] == 0
