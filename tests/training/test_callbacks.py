"""Work beside the steps of a run: who is called when, what may fail, and that a plugin may add some."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helpers.paths import REPOSITORY
from helpers.running import arguments, events, largest_difference, mft, weights, write_tasks
from mft_core.errors import MftError
from mft_core.events import EventLog, read_events
from mft_core.testing.contexts import evaluation_context
from mft_core.testing.random_models import random_token_loss_model
from mft_core.testing.samples import random_table
from mft_core.training.callbacks import Callback, CallbackContext, Callbacks


class Diary(Callback):
    """Writes down when it is called; fails at one step."""

    def __init__(self, seen: list[tuple[str, int]], failing: int = 0) -> None:
        super().__init__()
        self.seen = seen
        self.failing = failing

    def after_step(self, step: int) -> None:
        self.seen.append(("after", step))
        if step == self.failing:
            raise MftError("no luck")

    def at_end(self, step: int) -> None:
        self.seen.append(("end", step))

    def close(self) -> None:
        self.seen.append(("close", self.context.total_steps))


class Essential(Diary):
    essential = True


def context_in(run: Path) -> CallbackContext:
    run.mkdir()
    validation = evaluation_context(random_token_loss_model(), random_table([1]), ("only",))
    return CallbackContext(validation.model, validation, EventLog(run), 9)


def test_one_that_fails_is_left_out_with_a_warning_and_the_others_go_on(tmp_path: Path) -> None:
    first, second = [], []
    callbacks = Callbacks({"first": Diary(first, failing=2), "second": Diary(second)}, context_in(tmp_path / "run"))
    callbacks.start(0)
    for step in (1, 2, 3):
        callbacks.after_step(step)
    callbacks.at_end(3)
    callbacks.close(3)
    assert first == [("after", 1), ("after", 2)]
    assert second == [("after", 1), ("after", 2), ("after", 3), ("end", 3), ("close", 9)]
    (warning,) = read_events(tmp_path / "run" / "metrics.jsonl")
    assert (warning["event"], warning["step"]) == ("warning", 2)
    assert "the callback first failed and is left out" in warning["message"]


class Bare(BaseException):
    """What a plugin should not raise, and some library does."""


class Raises(Callback):
    """Raises what it is given."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def after_step(self, step: int) -> None:
        raise self.error


def test_one_that_raises_a_bare_base_exception_is_left_out(tmp_path: Path) -> None:
    callbacks = Callbacks({"it": Raises(Bare("oh"))}, context_in(tmp_path / "run"))
    for step in (1, 2):
        callbacks.after_step(step)
    (warning,) = read_events(tmp_path / "run" / "metrics.jsonl")
    assert "the callback it failed and is left out: Bare('oh')" in warning["message"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(143)])
def test_a_signal_ends_the_run_inside_a_callback_too(tmp_path: Path, stop: BaseException) -> None:
    with pytest.raises(type(stop)):
        Callbacks({"it": Raises(stop)}, context_in(tmp_path / "run")).after_step(1)


def test_an_essential_one_ends_the_run(tmp_path: Path) -> None:
    callbacks = Callbacks({"it": Essential([], failing=1)}, context_in(tmp_path / "run"))
    callbacks.start(0)
    with pytest.raises(MftError, match="no luck"):
        callbacks.after_step(1)


def test_the_one_in_the_docs_runs_beside_the_steps_and_changes_no_weight(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "plugins.md").read_text(encoding="utf-8")
    (example,) = [code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "def mft_callbacks" in code]
    path = tmp_path / "my_callback.py"
    path.write_text(example.replace("step % 10", "step % 2"))
    data = write_tasks(tmp_path / "data")
    plain, watched = tmp_path / "plain", tmp_path / "watched"
    assert mft(*arguments(data, plain, "--steps", "4", "--set", "train.callbacks=[]")) == 0
    chosen = ("--set", 'train.callbacks=["report", "norms"]', "--plugin", str(path))
    assert mft(*arguments(data, watched, "--steps", "4", *chosen)) == 0
    assert [(score["step"], score["metric"]) for score in events(watched, "score")] == [(2, "norm"), (4, "norm")]
    assert all(score["value"] > 0 for score in events(watched, "score"))
    assert largest_difference(weights(plain), weights(watched)) == 0
    assert (watched / "report.html").exists()
    assert not (plain / "report.html").exists()


def test_an_unknown_one_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_tasks(tmp_path / "data")
    assert mft(*arguments(data, tmp_path / "run", "--set", 'train.callbacks=["reprot"]')) == 2
    assert "Did you mean 'report'?" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_each_is_told_that_the_run_goes_back_and_one_that_fails_then_is_left_out(tmp_path: Path) -> None:
    class Returning(Diary):
        def going_back(self, step: int) -> None:
            self.seen.append(("back", step))
            if step == self.failing:
                raise MftError("no way back")

    seen: list[tuple[str, int]] = []
    model = random_token_loss_model()
    validation = evaluation_context(model, random_table([2, 3]), ("a", "b"))
    context = CallbackContext(model.model, validation, EventLog(tmp_path), 9)
    called = Callbacks({"one": Returning(seen), "other": Returning(seen, failing=4), "plain": Diary(seen)}, context)
    called.start(0)
    for step in (4, 2):
        called.going_back(step)
    assert seen == [("back", 4), ("back", 4), ("back", 2)]
    (warning,) = read_events(tmp_path / "metrics.jsonl")
    assert "other failed" in warning["message"]
