"""What came of a making, counted."""

from __future__ import annotations

from mft_core.making.draft import Seed
from mft_core.making.made import MAKER, REFUSED_BY_ENDPOINT, UNANSWERED, Made, NotKept


def test_refusals_are_counted_and_those_that_other_answers_may_mend_are_known() -> None:
    seed = Seed("one", "text")
    made = Made()
    made.refused += [
        NotKept(seed, MAKER, "no code block", ""),
        NotKept(seed, MAKER, "no code block", ""),
        NotKept(seed, MAKER, UNANSWERED, ""),
        NotKept(seed, "judge", REFUSED_BY_ENDPOINT, ""),
        NotKept(seed, "rouge", "like an earlier instruction", ""),
    ]
    assert made.reasons[MAKER, "no code block"] == 2
    assert made.by_answers == 3


def test_the_commonest_reason_is_that_of_the_last_refusals_in_a_row() -> None:
    seed = Seed("one", "text")
    made = Made()
    assert made.commonest is None
    made.refused += [NotKept(seed, MAKER, "no task", "")] * 5
    made.refused += [NotKept(seed, "form", reason, reason) for reason in ("empty answer", "no code", "no code")]
    made.in_a_row = 3
    assert made.commonest == (made.refused[6], 2)
