"""Items made ahead of time: the same ones, in order, at most one too early, errors where they belong."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from mft_core.batching.prefetch import ahead


@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_the_same_items_in_the_same_order(count) -> None:
    assert list(ahead(range(count))) == list(range(count))
    assert list(ahead([None] * count)) == [None] * count


def test_the_next_item_is_made_while_the_caller_has_the_last_one() -> None:
    asked = [threading.Event() for _ in range(4)]

    def items() -> Iterator[threading.Thread]:
        for event in asked:
            event.set()
            yield threading.current_thread()

    for number, maker in enumerate(ahead(items())):
        assert maker is not threading.current_thread()
        if number + 1 < len(asked):
            assert asked[number + 1].wait(10), "nobody makes the next one"
        assert not any(event.is_set() for event in asked[number + 2 :])


def test_an_error_comes_where_the_item_would_have_come() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("third")

    made = ahead(items())
    assert [next(made), next(made)] == [1, 2]
    with pytest.raises(ValueError, match="third"):
        next(made)


def test_whoever_stops_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    made = ahead(range(100))
    assert next(made) == 0
    assert threading.active_count() == before + 1
    made.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
