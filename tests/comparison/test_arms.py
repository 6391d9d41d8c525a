"""What is compared, and what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.comparison.arm import parse_arms
from mft_core.comparison.arms import Request, check_unseen, refuse_no_comparison
from mft_core.errors import UsageError
from mft_core.recipe.schema import Recipe


@pytest.mark.parametrize(
    ("arms", "reference"),
    [("single,famo,mixed", "mixed"), ("famo,single", "famo"), ("mixed every=2,famo", "mixed every=2")],
)
def test_the_reference_is_mixed_or_the_first(arms: str, reference: str) -> None:
    assert Request(Recipe(), tuple(parse_arms(arms)), 1, (), {}, Path()).reference == reference


def test_unseen_tasks_are_there_and_leave_some_to_train() -> None:
    check_unseen(["new"], ["add", "new"])
    with pytest.raises(UsageError, match="has no such task") as caught:
        check_unseen(["nwe"], ["add", "new"])
    assert "new" in caught.value.hint
    with pytest.raises(UsageError, match="nothing is left to train"):
        check_unseen(["add"], ["add"])


def test_a_folder_of_other_things_is_no_comparison(tmp_path: Path) -> None:
    refuse_no_comparison(tmp_path)
    refuse_no_comparison(tmp_path / "not there")
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError):
        refuse_no_comparison(tmp_path)
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "recipe.toml").touch()
    refuse_no_comparison(tmp_path)
