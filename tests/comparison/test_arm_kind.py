"""An arm that is a loss on all tasks; options of arms that have their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.comparison.arm import parse_arm
from mft_core.comparison.arm_kind import ArmKind, own_options
from mft_core.comparison.arms import Outline, Request
from mft_core.comparison.small_runs import MixOptions
from mft_core.errors import UsageError
from mft_core.recipe.choices import Choice
from mft_core.recipe.schema import Recipe


def test_a_loss_has_one_run_on_all_tasks_for_each_seed(tmp_path: Path) -> None:
    arm, loss = parse_arm("famo every=2"), Choice(name="famo", options={"every": 2})
    request = Request(Recipe(), (arm,), 3, (), {}, tmp_path)
    (run,) = ArmKind().runs(request, arm, Outline(Recipe(), loss, ("add", "sort")), 2)
    assert (run.arm, run.task, run.seed, run.needs, run.measures_unseen) == ("famo every=2", "", 2, (), True)
    assert (run.recipe.loss, run.recipe.train.seed) == (loss, 2)
    assert run.folder == tmp_path / "famo+every=2" / "seed-2"


def test_own_options_are_checked_by_name_and_value() -> None:
    assert own_options(parse_arm("mix factor=2 tune.rank=4"), MixOptions) == MixOptions(factor=2)
    with pytest.raises(UsageError, match="mix has no option 'factr'") as caught:
        own_options(parse_arm("mix factr=2"), MixOptions)
    assert "did you mean 'factor'" in caught.value.hint
    with pytest.raises(UsageError, match="arm 'mix factor=1'"):
        own_options(parse_arm("mix factor=1"), MixOptions)
