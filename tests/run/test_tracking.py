"""TensorBoard and W&B through Accelerate's trackers."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import pytest

from mft_core.errors import UsageError
from mft_core.events import Event, EventLog
from mft_core.run.tracking import Trackers, configuration, scalars

RUN = Path("run")
TRAIN = {
    "loss": 1.5, "learning_rate": 1e-4, "gradient_norm": math.inf, "resumed": True,
    "tasks": {
        "a/b": {"loss": 1.0, "weight": 0.5, "tokens": 7},
        "tasks": {"loss": math.nan, "weight": 0.5, "tokens": 0},
    },
}  # fmt: skip


def test_train_events_become_flat_finite_numbers() -> None:
    assert scalars(Event("train", 3, RUN, TRAIN)) == {
        "train/loss": 1.5, "train/learning_rate": 1e-4,
        "train/task/a/b/loss": 1.0, "train/task/a/b/weight": 0.5, "train/task/a/b/tokens": 7.0,
        "train/task/tasks/weight": 0.5, "train/task/tasks/tokens": 0.0,
    }  # fmt: skip


def test_eval_and_score_events() -> None:
    assert scalars(Event("eval", 0, RUN, {"loss": 2.0, "tasks": {"a": {"loss": 2.0, "tokens": 9}}})) == {
        "eval/loss": 2.0, "eval/task/a/loss": 2.0, "eval/task/a/tokens": 9.0,
    }  # fmt: skip
    watched = {"loss": 2.0, "tasks": {}, "watched": {"b": {"loss": 1.0, "tokens": 3}}}
    assert scalars(Event("eval", 0, RUN, watched)) == {
        "eval/loss": 2.0, "eval/watched/b/loss": 1.0, "eval/watched/b/tokens": 3.0,
    }  # fmt: skip
    score = {"task": "humaneval", "metric": "pass@1", "value": 0.5, "n": 164, "protocol": "greedy"}
    assert scalars(Event("score", 9, RUN, score)) == {"score/humaneval/pass@1": 0.5}
    assert scalars(Event("checkpoint", 9, RUN, {"path": "x", "best": True})) == {}


def test_configuration_is_flat_and_plain() -> None:
    start = {
        "event": "start",
        "step": 0,
        "model": {"adapter": "llama", "trainable": 3},
        "tasks": {"a": {}},
        "note": None,
    }
    assert configuration(start) == {"model/adapter": "llama", "model/trainable": 3, "note": "None"}


def test_an_unknown_tracker_is_named_with_the_nearest_right_one() -> None:
    with pytest.raises(UsageError) as caught:
        Trackers(["tensorbord"], RUN)
    assert "tensorbord" in caught.value.message
    assert "Did you mean 'tensorboard'?" in caught.value.hint


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_a_missing_package_is_an_error_that_names_the_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None)
    with pytest.raises(UsageError, match=name) as caught:
        Trackers([name], RUN)
    assert f"mft[{name}]" in caught.value.hint


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="tensorboard is not installed")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_files_hold_the_numbers_and_a_resumed_run_replaces_its_steps(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    first = EventLog(tmp_path, {"trackers": Trackers(["tensorboard"], tmp_path)})
    first.emit("start", 0, steps=4, model={"adapter": "llama"}, tasks={"a": {}})
    for step in (1, 2, 3):
        first.emit("train", step, loss=10.0 + step, tasks={"a": {"loss": 1.0 * step}})
    resumed = EventLog(tmp_path, {"trackers": Trackers(["tensorboard"], tmp_path)})
    resumed.rewind(1)
    for step in (2, 3, 4):
        resumed.emit("train", step, loss=20.0 + step, tasks={"a": {"loss": 1.0 * step}})
    resumed.emit("end", 4, reason="done", seconds=1.0)
    found = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(point.step, point.value) for point in found.Scalars("train/loss")] == [(1, 11), (2, 22), (3, 23), (4, 24)]
    assert [point.value for point in found.Scalars("train/task/a/loss")] == [1, 2, 3, 4]


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="tensorboard is not installed")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_run_that_goes_back_replaces_its_steps_too(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = EventLog(tmp_path, {"trackers": Trackers(["tensorboard"], tmp_path)})
    log.emit("start", 0, steps=3, model={}, tasks={"a": {}})
    for step in (1, 2):
        log.emit("train", step, loss=10.0 + step, tasks={})
    log.emit("decision", 1, from_step=2, to_step=1)
    for step in (2, 3):
        log.emit("train", step, loss=20.0 + step, tasks={})
    log.emit("end", 3, reason="done", seconds=1.0)
    found = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(point.step, point.value) for point in found.Scalars("train/loss")] == [(1, 11), (2, 22), (3, 23)]
