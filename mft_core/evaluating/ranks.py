"""The processes of one evaluation: who writes, and what all of them know."""

from __future__ import annotations

from typing import TypeVar

from mft_core.ranks import process_state

T = TypeVar("T")


def rank_and_ranks() -> tuple[int, int]:
    """This process's number and how many there are."""
    state = process_state()
    return state.process_index, state.num_processes


def gather(value: T) -> list[T]:
    """Every rank's value, in the order of ranks, on every rank."""
    if process_state().num_processes == 1:
        return [value]
    from accelerate.utils import gather_object

    return gather_object([value])


def from_main_rank(value: T | None) -> T:
    """The main rank's value, on every rank."""
    return gather(value)[0]  # type: ignore[return-value]
