"""How a model is to lie on the ranks: a copy on each, one over all of them, or one over those of each machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mft_core.errors import UsageError
from mft_core.support.ranks import RankPlace, gather, process_state, rank_place

ONE_EACH = (
    'train.sharding = "hybrid" spreads weights over the processes of a machine, and each machine runs one: '
    'so each has a whole copy, as with "none"'
)


@dataclass(frozen=True, slots=True)
class Spread:
    """How a model lies on the ranks.

    Attributes:
        copies: how many there are of it.
        shards: ranks in a row that each of them is spread over; 1: every rank has a whole one.
        warning: why it is not spread although that was asked for; "" where it is, or was not.
    """

    copies: int
    shards: int
    warning: str = ""

    @property
    def sharded(self) -> bool:
        """Whether a rank has a part alone."""
        return self.shards > 1


def launched_spread(sharding: str) -> Spread:
    """What `train.sharding` means for the processes that were launched; called on every rank.

    Raises:
        UsageError: of `within_machines`, on every rank alike.
    """
    ranks = process_state().num_processes
    if sharding == "none" or ranks == 1:
        return Spread(ranks, 1)
    return Spread(1, ranks) if sharding == "full" else within_machines(gather(rank_place()))


def expected_shards(sharding: str) -> int:
    """Ranks that a copy is going to be spread over, as far as this process's launcher tells; nobody else is asked."""
    if sharding == "none":
        return 1
    return process_state().num_processes if sharding == "full" else rank_place().ranks


def within_machines(places: Sequence[RankPlace]) -> Spread:
    """A copy on each machine, over its ranks.

    Args:
        places: of the ranks, in their order.

    Raises:
        UsageError: the launcher does not tell machines apart, or they do not run as many ranks each.
    """
    size = places[0].ranks
    if [(place.rank, place.ranks) for place in places] != [(rank % size, size) for rank in range(len(places))] or (
        len(places) % size
    ):
        told = ", ".join(f"{place.rank} of {place.ranks}" for place in places)
        raise UsageError(
            'train.sharding = "hybrid" wants as many processes on each machine as on any other, and LOCAL_RANK and '
            f"LOCAL_WORLD_SIZE to say so; to the {len(places)} processes of this run they say: {told}.",
            "Start the same number everywhere by torchrun (deploy/torchrun.sh: PROCESSES), or spread weights over all "
            'of them: train.sharding = "full".',
        )
    return Spread(len(places) // size, size, ONE_EACH if size == 1 else "")
