"""Arms by their names, and the losses they are trained with."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.comparison.arm import parse_arms
from mft_core.comparison.arm_kinds import arm_losses, check_arms
from mft_core.comparison.arms import Request
from mft_core.errors import UsageError
from mft_core.recipe.choices import Choice
from mft_core.recipe.schema import Recipe
from mft_core.registry.catalog import Catalog


def test_an_arm_that_is_neither_is_refused(catalog: Catalog) -> None:
    arms = parse_arms("single,merged,famo every=3")
    assert check_arms(arms, catalog) == tuple(arms)
    with pytest.raises(UsageError, match="'meged' is neither 'single', 'merged', 'mix' nor a loss") as caught:
        check_arms(parse_arms("single,meged"), catalog)
    assert "'merged'" in caught.value.hint


def test_options_go_to_the_losses_that_have_them_and_an_arm_goes_before_all(catalog: Catalog, tmp_path: Path) -> None:
    recipe = Recipe().model_copy(update={"loss": Choice(name="famo", options={"every": 3, "by": "samples"})})
    arms = tuple(parse_arms("single,mixed,famo,famo every=5,merged weights=[0.5],mix factor=2"))
    losses = arm_losses(Request(recipe, arms, 1, (), {"by": "tokens"}, tmp_path), catalog)
    assert {label: loss.name for label, loss in losses.items()} == {
        "single": "balanced", "mixed": "mixed", "famo": "famo", "famo every=5": "famo",
        "merged weights=[0.5]": "balanced", "mix factor=2": "mixed",
    }  # fmt: skip
    assert (losses["famo"].options["every"], losses["famo every=5"].options["every"]) == (3, 5)
    assert losses["famo"].options["by"] == "tokens"
    assert not losses["mix factor=2"].options.keys() & {"factor", "every"}
    with pytest.raises(UsageError, match="mixed has no option 'every'"):
        arm_losses(Request(recipe, tuple(parse_arms("mixed every=2")), 1, (), {}, tmp_path), catalog)
    with pytest.raises(UsageError, match=r"loss\.evry: no arm's loss has this option"):
        arm_losses(Request(recipe, arms, 1, (), {"evry": 2}, tmp_path), catalog)
