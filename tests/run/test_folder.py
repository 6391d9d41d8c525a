"""What counts as another run."""

from __future__ import annotations

import pytest

from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import Recipe
from mft_core.run.folder import recipe_differences


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
