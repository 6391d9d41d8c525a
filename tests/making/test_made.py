"""What came of a making, counted."""

from __future__ import annotations

from mft_core.making.draft import Seed
from mft_core.making.made import MAKER, REFUSED_BY_ENDPOINT, Made, NotKept


def test_refusals_are_counted_and_those_that_other_answers_may_mend_are_known() -> None:
    seed = Seed("one", "text")
    made = Made()
    made.refused += [
        NotKept(seed, MAKER, "no code block", ""),
        NotKept(seed, MAKER, "no code block", ""),
        NotKept(seed, "judge", REFUSED_BY_ENDPOINT, ""),
        NotKept(seed, "rouge", "like an earlier instruction", ""),
    ]
    assert made.reasons[MAKER, "no code block"] == 2
    assert made.by_answers == 3
