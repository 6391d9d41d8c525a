"""Problems of published sets in records: a model that was trained on them has learned the answers of its exam."""

from __future__ import annotations

from collections.abc import Sequence

from mft_core.audit.auditing import record_text
from mft_core.audit.leakage import Problem, ProblemIndex
from mft_core.audit.shingles import code_shingles, text_shingles
from mft_core.making.author import Author
from mft_core.making.draft import Draft, Refused
from mft_core.making.filters.filter import Filter
from mft_core.records import Record


class LeakageFilter(Filter):
    """Leaves out records that have a problem in them, by its words or by its code, whatever the names in that.

    Args:
        problems: of all sets.
        least: the share of a problem's sequences that makes a leak.
    """

    name = "leakage"

    def __init__(self, problems: Sequence[Problem], least: float) -> None:
        self._index = ProblemIndex(problems, least)

    def check(self, draft: Draft, author: Author) -> None:
        """See the class."""
        self.check_instruction(record_text(Record(turns=draft.turns)))

    def check_instruction(self, text: str) -> None:
        """A problem that is in the instruction is in the record.

        Raises:
            Refused: there is one.
        """
        hits = self._index.hits(text_shingles(text), code_shingles(text))
        if hits:
            worst = max(hits, key=lambda hit: hit.share)
            where = "words" if worst.view == "text" else "code"
            raise Refused(
                "problem of a published set",
                f"{worst.share:.0%} of the {where} of {worst.problem.of} {worst.problem.name}",
            )
