"""What a task loses for the length of its records: how many, and which tokens, by how long the records are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

LENGTH_STEP = 64
"""Tokens; lengths of records that are too long are counted rounded up to multiples of it."""


@dataclass(frozen=True, slots=True)
class LongerRecords:
    """Records that were dropped or truncated, by their tokens, rounded up to a multiple of `LENGTH_STEP`.

    Attributes:
        records: how many.
        tokens: tokens of them that are lost.
        supervised: how many of these would have been targets.
    """

    records: Counter[int] = field(default_factory=Counter)
    tokens: Counter[int] = field(default_factory=Counter)
    supervised: Counter[int] = field(default_factory=Counter)

    def count(self, length: int, lost: int, supervised: int) -> None:
        """One more record of `length` tokens, of which `lost` are lost, `supervised` of them targets; 0: not known."""
        step = -(-length // LENGTH_STEP) * LENGTH_STEP
        self.records[step] += 1
        self.tokens[step] += lost
        self.supervised[step] += supervised

    def add(self, other: LongerRecords) -> None:
        """Those of another part of the same data, too."""
        self.records.update(other.records)
        self.tokens.update(other.tokens)
        self.supervised.update(other.supervised)

    def as_json(self) -> dict[str, dict[str, int]]:
        """The fields of these names in `mft_core.data.tasks.TaskReport`; keys are text, since JSON has no others."""
        counts = {"longer": self.records, "longer_tokens": self.tokens, "longer_supervised": self.supervised}
        return {name: {str(length): each[length] for length in sorted(each)} for name, each in counts.items()}

    @classmethod
    def of(cls, counts: Mapping[str, Mapping[str, int]]) -> LongerRecords:
        """What `as_json` gave, among other things."""
        names = ("longer", "longer_tokens", "longer_supervised")
        return cls(*(Counter({int(length): count for length, count in counts[name].items()}) for name in names))

    def up_to(self, length: int) -> LongerRecords:
        """Those of at most `length` tokens."""
        parts = (self.records, self.tokens, self.supervised)
        return LongerRecords(*(Counter({key: part[key] for key in part if key <= length}) for part in parts))
