"""Runs that stop by a rule: the selected model is the result, and its checkpoint stays."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from helpers.running import arguments, events, mft, settings, weights, write_tasks

# So high a rate that the validation loss falls first and rises then.
OVERSHOOT = ("train.learning_rate=0.3", "train.schedule=constant", "train.eval_every=1", "train.save_every=0")
RULE = ("train.stop=paper", "output.keep=1")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stop")
    data = write_tasks(folder / "data")
    more = [part for setting in (*OVERSHOOT, *RULE) for part in ("--set", setting)]
    assert mft(*arguments(data, folder / "run", "--epochs", "30", *more)) == 0
    return folder / "run"


def saved_steps(run: Path) -> set[int]:
    return {int(path.name.removeprefix("step-")) for path in (run / "checkpoints").glob("step-*")}


def test_it_stops_when_two_evaluations_lie_above_the_one_before(run: Path) -> None:
    losses = {event["step"]: event["loss"] for event in events(run, "eval")}
    (end,) = events(run, "end")
    assert end["reason"] == "stopped early"
    last = end["step"]
    assert losses[last - 1] > losses[last - 2]
    assert losses[last] > losses[last - 2]
    assert end["selected"] == last - 2 == min((step for step in losses if step), key=losses.__getitem__)


def test_the_result_is_the_selected_model(run: Path) -> None:
    (end,) = events(run, "end")
    saved = load_file(run / "checkpoints" / f"step-{end['selected']:06d}" / "model.safetensors")
    final = weights(run)
    by_value = {value.tobytes() for value in saved.values()}
    assert final
    assert all(value.tobytes() in by_value for value in final.values())


def test_the_result_shows_the_losses_of_the_selected_model(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (end,) = events(run, "end")
    losses = {event["step"]: event["loss"] for event in events(run, "eval")}
    capsys.readouterr()
    assert mft("report", str(run)) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"after: at step {end['selected']}, which was selected" in text
    assert f"{losses[0]:.3f} {losses[end['selected']]:.3f}" in text


def test_the_best_checkpoint_survives_rotation(run: Path) -> None:
    evaluations = [event for event in events(run, "eval") if event["step"]]
    best = min(evaluations, key=lambda event: event["loss"])["step"]
    assert saved_steps(run) == {best, evaluations[-1]["step"]}


@pytest.mark.parametrize("task_bests", [False, True])
def test_newest_and_best_are_kept_of_many_tasks_and_those_of_each_where_asked(tmp_path: Path, task_bests) -> None:
    data = write_tasks(tmp_path / "data", {f"t{number}": 3 for number in range(12)})
    every = ("train.eval_every=1", "train.save_every=1", "train.learning_rate=0.3", "train.schedule=constant")
    keep = ("output.keep=2", f"output.keep_task_bests={str(task_bests).lower()}")
    assert mft(*arguments(data, tmp_path / "run", "--steps", "9", *settings(*every, *keep))) == 0
    evaluations = [event for event in events(tmp_path / "run", "eval") if event["step"]]
    expected = {8, 9, min(evaluations, key=lambda event: event["loss"])["step"]}
    of_tasks = {
        min(evaluations, key=lambda event, name=name: event["tasks"][name]["loss"])["step"]
        for name in evaluations[0]["tasks"]
    }
    assert of_tasks - expected, "the tasks should have bests of their own"
    assert saved_steps(tmp_path / "run") == (expected | of_tasks if task_bests else expected)


@pytest.mark.parametrize("save_every", [0, 3])
def test_the_best_evaluated_model_is_saved_whenever_else_is_saved(tmp_path: Path, save_every: int) -> None:
    data = write_tasks(tmp_path / "data")
    more = (
        "train.learning_rate=0.3",
        "train.schedule=constant",
        "train.eval_every=2",
        f"train.save_every={save_every}",
    )
    assert mft(*arguments(data, tmp_path / "run", "--steps", "11", *settings(*more, "output.keep=1"))) == 0
    evaluations = [event for event in events(tmp_path / "run", "eval") if event["step"]]
    best = min(evaluations, key=lambda event: event["loss"])["step"]
    assert best % 3
    assert saved_steps(tmp_path / "run") == {best, 11}


def test_every_step_of_the_log_is_accounted_for(run: Path) -> None:
    (end,) = events(run, "end")
    assert events(run, "train")[-1]["step"] == end["step"]
    assert np.isfinite([event["loss"] for event in events(run, "train")]).all()


def test_resuming_a_stopped_run_changes_nothing(run: Path) -> None:
    before = {name: value.tobytes() for name, value in weights(run).items()}
    assert mft("run", "--resume", "--output", str(run)) == 0
    assert {name: value.tobytes() for name, value in weights(run).items()} == before
    assert events(run, "end")[-1]["reason"] == "stopped early"


@pytest.mark.parametrize("damaged", [1, 2])
def test_a_damaged_best_checkpoint_gives_way_to_the_next_best(tmp_path: Path, damaged: int) -> None:
    data, run = write_tasks(tmp_path / "data"), tmp_path / "run"
    assert mft(*arguments(data, run, "--epochs", "30", *settings(*OVERSHOOT, "train.stop=paper", "output.keep=3"))) == 0
    losses = {event["step"]: event["loss"] for event in events(run, "eval") if event["step"]}
    ranked = sorted(saved_steps(run), key=losses.__getitem__)
    assert events(run, "end")[-1]["selected"] == ranked[0]
    shutil.rmtree(run / "final")
    for step in ranked[:damaged]:
        path = run / "checkpoints" / f"step-{step:06d}" / "model.safetensors"
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    if ranked[damaged - 1] == max(ranked):
        pytest.skip("the newest one is damaged, which resuming itself falls back from")
    assert mft("run", "--resume", "--output", str(run)) == 0
    end, warnings = events(run, "end")[-1], [event["message"] for event in events(run, "warning")]
    assert end["selected"] == ranked[damaged]
    for step in ranked[:damaged]:
        assert [message for message in warnings if f"step {step} cannot be the result" in message]
    saved = load_file(run / "checkpoints" / f"step-{ranked[damaged]:06d}" / "model.safetensors")
    by_value = {value.tobytes() for value in saved.values()}
    assert all(value.tobytes() in by_value for value in weights(run).values())
