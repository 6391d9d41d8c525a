"""What `train.sharding` means for ranks of some machines; tests/end_to_end/test_hybrid.py spreads over real ones."""

from __future__ import annotations

import pytest

from mft_core.errors import UsageError
from mft_core.support.ranks import RankPlace
from mft_core.training.spread import Spread, expected_shards, launched_spread, within_machines


def places(*machines: int) -> list[RankPlace]:
    """Of the ranks of machines that run so many each."""
    return [RankPlace(rank, ranks) for ranks in machines for rank in range(ranks)]


@pytest.mark.parametrize("sharding", ["none", "full", "hybrid"])
def test_one_process_has_a_copy_whatever_is_asked_for(sharding: str) -> None:
    assert launched_spread(sharding) == Spread(1, 1)
    assert expected_shards(sharding) == 1


def test_what_is_expected_is_what_the_launcher_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without asking other processes, of which none may be there."""
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert [expected_shards(sharding) for sharding in ("none", "full", "hybrid")] == [1, 1, 4]


def test_each_machine_has_a_copy() -> None:
    assert within_machines(places(2, 2)) == Spread(2, 2)
    assert within_machines(places(8, 8, 8)) == Spread(3, 8)


def test_one_machine_is_spread_over_as_all_of_them_are() -> None:
    assert within_machines(places(4)) == Spread(1, 4)


def test_machines_of_one_process_have_copies_and_say_so() -> None:
    spread = within_machines(places(1, 1, 1))
    assert (spread.copies, spread.shards) == (3, 1)
    assert "whole copy" in spread.warning


@pytest.mark.parametrize(
    "unlike",
    [
        places(2, 1),
        places(1, 2),
        places(3, 1, 2),
        places(2, 2)[:3],
        [RankPlace(0, 2), RankPlace(0, 2), RankPlace(1, 2), RankPlace(1, 2)],
        [RankPlace(0, 1), RankPlace(1, 1)],
    ],
    ids=["fewer on the last", "more on the last", "each divides", "one is missing", "not in a row", "not said"],
)
def test_machines_that_are_unlike_are_refused_with_what_the_launchers_say(unlike: list[RankPlace]) -> None:
    with pytest.raises(UsageError, match="as many processes on each machine") as told:
        within_machines(unlike)
    assert f"{unlike[-1].rank} of {unlike[-1].ranks}" in str(told.value)
    assert 'train.sharding = "full"' in told.value.hint
