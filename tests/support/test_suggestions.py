"""The nearest right word for a wrong one."""

from __future__ import annotations

import pytest

from mft_core.support.suggestions import did_you_mean, nearest

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
