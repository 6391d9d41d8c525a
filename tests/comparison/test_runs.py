"""How far a run of a comparison is, told from its folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mft_core.comparison.arms import ArmRun
from mft_core.comparison.losses_file import LOSSES_FILE, TaskLossesBySample, write_losses
from mft_core.comparison.runs import RunState, state_of
from mft_core.errors import UsageError
from mft_core.events import EventLog
from mft_core.recipe.schema import Recipe
from mft_core.run.folder import RunFolder


def test_a_run_is_finished_when_it_has_ended_and_is_measured(tmp_path: Path) -> None:
    run = ArmRun("mixed", "", 0, Recipe().having("output", dir=str(tmp_path / "run")))
    assert state_of(run, ()) == RunState(begun=False, finished=False)
    run.folder.mkdir()
    RunFolder(run.folder).write_recipe(run.recipe)
    assert state_of(run, ()) == RunState(begun=True, finished=False)
    log = EventLog(run.folder)
    measured = TaskLossesBySample(np.ones(2), np.ones(2, np.int64), np.arange(2, dtype=np.uint64))
    write_losses(run.folder / LOSSES_FILE, {"add": measured})
    log.emit("end", 3, reason="interrupted")
    assert state_of(run, ()) == RunState(begun=True, finished=False)
    log.emit("end", 5, reason="done")
    assert state_of(run, ["add"]) == RunState(begun=True, finished=True)
    assert state_of(run, ["add", "unseen"]) == RunState(begun=True, finished=False)


def test_a_run_of_another_recipe_is_refused(tmp_path: Path) -> None:
    recipe = Recipe().having("output", dir=str(tmp_path))
    RunFolder(tmp_path).write_recipe(recipe.having("train", learning_rate=0.5))
    with pytest.raises(UsageError, match=r"train\.learning_rate: 0\.5 -> ") as caught:
        state_of(ArmRun("mixed", "", 0, recipe), ())
    assert "another --output" in caught.value.hint
