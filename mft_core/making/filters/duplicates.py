"""Records that repeat one that was kept before: what the audit of data calls exact and near duplicates."""

from __future__ import annotations

from mft_core.audit.auditing import record_text
from mft_core.audit.shingles import record_shingles, text_digest
from mft_core.audit.similar import KnownTexts
from mft_core.making.draft import Draft, Refused
from mft_core.making.filters.filter import OrderedFilter
from mft_core.records import Record

SHOWN = 60


class DuplicatesFilter(OrderedFilter):
    """Leaves out what is equal to an earlier record but for white space and case, or shares its sequences of words.

    Args:
        near: least share of sequences in common of near duplicates, estimated by MinHash; 1: equal texts alone are
            left out.
    """

    name = "duplicates"

    def __init__(self, near: float) -> None:
        self._near = near
        self._numbers: dict[int, int] = {}
        self._texts = KnownTexts()
        self._shown: list[str] = []

    def check(self, draft: Draft) -> None:
        """See the class.

        Raises:
            Refused: it repeats an earlier one.
            MftError: rensa is not installed.
        """
        text = _text(draft)
        equal = self._numbers.get(text_digest(text))
        if equal is not None:
            raise Refused("duplicate", f"of {self._shown[equal]!r}")
        found = self._texts.most_alike(record_shingles(text), self._near) if self._near < 1 else None
        if found is not None:
            number, share = found
            raise Refused("near duplicate", f"shares {share:.0%} with {self._shown[number]!r}")

    def keep(self, draft: Draft) -> None:
        """Remember a record."""
        text = _text(draft)
        self._numbers[text_digest(text)] = len(self._shown)
        if self._near < 1:
            self._texts.add(record_shingles(text))
        self._shown.append(draft.instruction[:SHOWN])


def _text(draft: Draft) -> str:
    return record_text(Record(turns=draft.turns))
