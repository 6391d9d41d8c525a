"""The nearest right word for a wrong one."""

from __future__ import annotations

import pytest

from mft_core.support.suggestions import did_you_mean, folders_in, nearest, nearest_folder

NAMES = ["balanced", "famo", "Mixed"]


@pytest.mark.parametrize(
    ("word", "expected"), [("fano", "famo"), ("FAMO", "famo"), ("mixd", "Mixed"), ("zebra", ""), ("", "")]
)
def test_only_what_is_near_is_suggested(word: str, expected: str) -> None:
    assert nearest(word, NAMES) == expected


def test_the_hint_lists_all_there_is() -> None:
    assert did_you_mean("fano", NAMES) == "Did you mean 'famo'? There is: Mixed, balanced, famo."
    assert did_you_mean("zebra", NAMES) == "There is: Mixed, balanced, famo."
    assert did_you_mean("zebra", []) == "There is: nothing."
    assert did_you_mean("zebra", map(str, range(300))).endswith(" and 280 more.")


def test_the_nearest_folder_stands_beside_what_is_not_there(tmp_path) -> None:
    for name in ("famo-seed-0", "mixed-seed-0"):
        (tmp_path / name).mkdir()
    (tmp_path / "famo-seed-1").touch()
    assert nearest_folder(tmp_path / "famo-sed-0") == str(tmp_path / "famo-seed-0")
    assert nearest_folder(tmp_path / "zebra") == ""
    assert nearest_folder(tmp_path / "nowhere" / "famo-seed-0") == ""
    assert [each.name for each in folders_in(tmp_path)] == ["famo-seed-0", "mixed-seed-0"]
