"""The arm "merged": which adapters it combines."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.comparison.arm import Arm, parse_arms
from mft_core.comparison.arm_merged import Merged, partner_of
from mft_core.comparison.arms import Outline, Request
from mft_core.errors import UsageError
from mft_core.recipe.choices import Choice
from mft_core.recipe.schema import Recipe


def test_merged_needs_the_single_arm_of_the_same_recipe() -> None:
    arms = parse_arms("single,merged method=ties,merged tune.rank=4")
    assert partner_of(arms[1], arms) == Arm("single", {})
    with pytest.raises(UsageError, match=r"adapters of the arm 'single tune\.rank=4', which is not compared") as caught:
        partner_of(arms[2], arms)
    assert '--arms "single tune.rank=4,single,merged method=ties,merged tune.rank=4"' in caught.value.hint


def test_its_run_combines_the_adapters_of_its_seed(tmp_path: Path) -> None:
    arms = tuple(parse_arms("single,single tune.rank=4,merged tune.rank=4 method=ties weights=[0.5]"))
    request = Request(Recipe(), arms, 2, (), {}, tmp_path)
    outline = Outline(Recipe(), Choice(name="balanced"), ("add", "sort"))
    (run,) = Merged().runs(request, arms[2], outline, 1)
    assert run.merging
    single = tmp_path / "single+tune.rank=4"
    assert run.merging.sources == {task: single / task / "seed-1" for task in ("add", "sort")}
    assert (run.merging.options.method, run.merging.options.weights) == ("ties", [0.5])
    assert run.folder == tmp_path / arms[2].folder / "seed-1"
