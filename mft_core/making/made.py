"""What came of a making: what was kept, what was refused and why, how far it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from mft_core.endpoint.spending import Spending
from mft_core.making.draft import Draft, Seed

ENOUGH, NO_MORE, BUDGET, INTERRUPTED = "enough", "nothing more to make", "budget spent", "interrupted"
PATIENCE, FRUITLESS = "too many refused in a row", "rounds without a record"
MAKER = "maker"
"""Under which is counted what did not get as far as a draft."""
REFUSED_BY_ENDPOINT = "refused by the endpoint"
"""The reason of what came to nothing since the endpoint did not take a question, whoever asked it."""
UNANSWERED = "unanswered"
"""That of what came to nothing since no answer came."""


class KeptDraft(NamedTuple):
    """A draft that every filter let pass, and what it was made of."""

    seed: Seed
    draft: Draft


class NotKept(NamedTuple):
    """A draft that was refused, or a seed that nothing came of, and why.

    Attributes:
        seed: of it.
        filter: the name of the filter; "maker": nothing came of the seed.
        reason, detail: as `Refused` has them.
        draft: None where there is none.
        said: the beginning of the model's last answer, where there is no draft.
    """

    seed: Seed
    filter: str
    reason: str
    detail: str
    draft: Draft | None = None
    said: str = ""


@dataclass
class Made:
    """What came of a making, so far.

    Attributes:
        kept: in the order of their seeds, at most as many as wanted.
        refused: in that order.
        seeds: used, by topic.
        ended: why there are no more.
        in_a_row: the last refusals, after which nothing was kept.
        unaffordable: seeds that were to be asked for again, which the budget did not suffice for.
    """

    kept: list[KeptDraft] = field(default_factory=list)
    refused: list[NotKept] = field(default_factory=list)
    seeds: Counter[str] = field(default_factory=Counter)
    ended: str = ENOUGH
    in_a_row: int = 0
    unaffordable: int = 0

    @property
    def reasons(self) -> Counter[tuple[str, str]]:
        """How often each filter refused for each reason."""
        return Counter((refusal.filter, refusal.reason) for refusal in self.refused)

    @property
    def commonest(self) -> tuple[NotKept, int] | None:
        """Of the last refusals in a row: the first one of the commonest reason, and how many have that reason."""
        last = self.refused[len(self.refused) - self.in_a_row :]
        if not last:
            return None
        (key, count), *_ = Counter((one.filter, one.reason) for one in last).most_common(1)
        return next(one for one in last if (one.filter, one.reason) == key), count

    @property
    def by_answers(self) -> int:
        """How many were refused by the endpoint or the maker: other answers, `--ask-again`, may make more of them.

        What got no answer is asked again by every call.
        """
        by_maker = (one.filter == MAKER and one.reason != UNANSWERED for one in self.refused)
        by_endpoint = (one.filter != MAKER and one.reason == REFUSED_BY_ENDPOINT for one in self.refused)
        return sum(by_maker) + sum(by_endpoint)


class MakingProgress(NamedTuple):
    """How far a making is.

    Attributes:
        wanted: records.
        made: drafts and seeds that were looked at.
        kept: of them.
        reasons: how often each filter refused for each reason.
        spending: so far, that of earlier calls included.
        seconds_left: expected; None: nothing to go by yet.
    """

    wanted: int
    made: int
    kept: int
    reasons: Counter[tuple[str, str]]
    spending: Spending
    seconds_left: float | None
