"""Lists in messages stay readable."""

from __future__ import annotations

from mft_core.support.lists import first_few


def test_a_few_are_all_named() -> None:
    assert first_few([]) == ""
    assert first_few(["a", "b"]) == "a, b"
    assert first_few(range(5)) == "0, 1, 2, 3, 4"


def test_of_many_the_first_are_named_and_the_rest_counted() -> None:
    assert first_few(range(1205), 2) == "0, 1 and 1,203 more"
    assert first_few(["a", "b", "c"], 1, "tasks") == "a and 2 more tasks"
