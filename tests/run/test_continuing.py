"""An adapter trained further: from where it was, with another mixture and schedule, on its own base alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from helpers.finished_runs import finished, interrupted
from helpers.running import arguments, events, largest_difference, mft, settings, weights, write_tasks
from mft_core.errors import UsageError
from mft_core.recipe.schema import Recipe
from mft_core.run.continuing import check_continued, continued_facts, continued_place
from mft_core.testing.tuned_models import tuner_of
from mft_core.tuning.fingerprint import model_fingerprint

TUNE = settings("tune.rank=4", "tune.dropout=0.1", "train.save_every=2", "train.learning_rate=0.01")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, a run on them, and one that trains its adapter further on other data."""
    folder = tmp_path_factory.mktemp("continued")
    first = write_tasks(folder / "data", {"add": 12, "copy": 8})
    other = write_tasks(folder / "other", {"copy": 20})
    assert mft(*arguments(first, folder / "first", "--steps", "4", *TUNE)) == 0
    further = arguments(other, folder / "further", "--continue", str(folder / "first"), "--steps", "4", *TUNE)
    assert mft(*further) == 0
    return folder


@pytest.mark.slow
def test_it_goes_on_from_the_adapter_and_says_so(place: Path) -> None:
    (start,), (before, *_, after) = events(place / "further", "start"), events(place / "further", "eval")
    assert list(start["tasks"]) == ["copy"]
    assert start["model"]["continued"] == {
        "from": str(place / "first" / "final"),
        "fingerprint": model_fingerprint(place / "first"),
    }
    untrained = events(place / "first", "eval")[0]["tasks"]["copy"]["loss"]
    assert before["tasks"]["copy"]["loss"] < untrained
    assert after["loss"] < before["loss"]
    assert largest_difference(weights(place / "further"), weights(place / "first")) > 0
    base = json.loads((place / "further" / "components.json").read_text())["base"]
    assert base["continued"] == start["model"]["continued"]
    assert mft("export", str(place / "further"), "--output", str(place / "out")) == 0


@pytest.mark.slow
def test_a_resumed_run_does_not_need_what_it_continued(place: Path, tmp_path: Path) -> None:
    resumed = interrupted(place / "further", tmp_path / "resumed")
    shutil.move(place / "first", tmp_path / "elsewhere")
    try:
        assert mft("run", "--resume", "--output", str(resumed)) == 0
    finally:
        shutil.move(tmp_path / "elsewhere", place / "first")
    assert largest_difference(weights(resumed), weights(place / "further")) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "said"),
    [
        (settings("tune.rank=8"), "r: 4 -> 8"),
        (settings("tune.method=qlora"), "was trained beside dense weights"),
        (settings("tune.method=full"), "cannot go on with what"),
        (("--model", "qwen"), "was trained on other weights"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(
    place: Path, tmp_path: Path, more: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = arguments(place / "data", tmp_path / "run", "--continue", str(place / "first"), "--steps", "2", *TUNE)
    assert mft(*command, *more) != 0
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run" / "final").exists()


def test_what_is_no_adapter_is_refused_beforehand(tmp_path: Path) -> None:
    recipe = Recipe().having("model", adapter_path=str(tmp_path / "run"))
    with pytest.raises(UsageError, match="holds no adapter") as caught:
        check_continued(recipe, tuner_of())
    assert "in final/ when it has ended" in caught.value.hint
    finished("llama", "full", tmp_path / "base", tmp_path / "run")
    with pytest.raises(UsageError, match="holds no adapter") as caught:
        check_continued(recipe, tuner_of())
    assert f"--base {tmp_path / 'run' / 'final'}" in caught.value.hint


def test_a_run_that_begins_anew_continues_nothing() -> None:
    assert continued_place(Recipe()) is None
    assert continued_facts(Recipe()) == {}
    check_continued(Recipe(), tuner_of(method="full"))
