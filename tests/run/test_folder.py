"""What counts as another run."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.errors import UsageError
from mft_core.events import EventLog
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import Recipe
from mft_core.run.folder import RunFolder, recipe_differences


def test_only_keys_that_change_the_weights_count_as_differences() -> None:
    old = Recipe()
    assert recipe_differences(old, load_recipe(None, [("train.log_every", 1), ("output.keep", 9)])) == []
    assert recipe_differences(old, load_recipe(None, [("train.seed", 1)])) == ["train.seed: 0 -> 1"]


@pytest.mark.parametrize("rule", ["paper", "patience"])
def test_how_often_is_evaluated_counts_as_a_difference_where_the_evaluations_choose_the_weights(rule: str) -> None:
    stopping = ("train.stop", rule)
    old = load_recipe(None, [stopping])
    rarely = load_recipe(None, [stopping, ("train.eval_every", 5), ("train.save_every", 5), ("train.log_every", 5)])
    assert recipe_differences(old, rarely) == ["train.eval_every: 50 -> 5"]
    assert recipe_differences(Recipe(), load_recipe(None, [("train.eval_every", 5)])) == []


@pytest.mark.parametrize(
    ("old", "new", "longer"),
    [
        ({"steps": 400}, {"steps": 420}, True),
        ({"steps": 400}, {"steps": 300}, False),
        ({"epochs": 3.0}, {"steps": 420}, True),  # the log says that the three passes took 400
        ({"epochs": 3.0}, {"steps": 400}, False),
        ({"epochs": 3.0}, {"epochs": 4.0}, True),
        ({"epochs": 3.0}, {"epochs": 2.0}, False),
        ({"steps": 400}, {"epochs": 4.0}, False),
    ],
)
def test_more_steps_of_the_same_are_no_other_run(tmp_path: Path, old: dict, new: dict, longer: bool) -> None:
    folder = RunFolder(tmp_path)
    before, after = Recipe().having("train", **old), Recipe().having("train", **new)
    folder.write_recipe(before)
    EventLog(tmp_path).emit("start", 0, steps=400)
    if longer:
        assert folder.check_recipe(after, force=False, extending=True) == recipe_differences(before, after) != []
    else:
        with pytest.raises(UsageError, match=r"train\.(steps|epochs)"):
            folder.check_recipe(after, force=False, extending=True)
    with pytest.raises(UsageError, match=r"train\.(steps|epochs)"):
        folder.check_recipe(after, force=False)
    with pytest.raises(UsageError, match=r"train\.seed"):
        folder.check_recipe(after.having("train", seed=3), force=False, extending=True)
