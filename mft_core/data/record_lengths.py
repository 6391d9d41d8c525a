"""How long the records of some files are, as they were before any was dropped, cut or split, and what is left of them
under another `max_length`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mft_core.data.encoding import NO_FAULTS, READ
from mft_core.data.length_guard import OVERLONG, LengthPolicy
from mft_core.data.longer_records import LongerRecords
from mft_core.data.token_store import TokenEntry

UP_TO = (
    32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384, 24576, 32768,
)  # fmt: skip
"""Tokens: the bins of lengths end here, and one more holds what is longer."""
TENTHS = 10


@dataclass(frozen=True, slots=True)
class Kept:
    """What is left of some samples under a `max_length`.

    Attributes:
        lengths, supervised: int64 [samples], tokens and targets of each, in their order.
        dropped: records of which no sample is left.
        truncated: other records of which a sample was cut.
    """

    lengths: np.ndarray
    supervised: np.ndarray
    dropped: int
    truncated: int


@dataclass(frozen=True, slots=True)
class LengthCost:
    """What a `max_length` does to a task's records. Sums of several tasks are those of their parts.

    Attributes:
        records: that could be trained on, whatever their length.
        dropped, truncated: of these.
        tokens, supervised: of what is left: all tokens, and targets; at least so many where `max_length` is above that
            of the recipe and records are cut.
        supervised_lost: the targets that are lost, as far as the records were tokenised; at most so many likewise.
    """

    records: int
    dropped: int
    truncated: int
    tokens: int
    supervised: int
    supervised_lost: int

    def __add__(self, other: LengthCost) -> LengthCost:
        pairs = zip(self._numbers(), other._numbers(), strict=True)
        return LengthCost(*(one + another for one, another in pairs))

    def times(self, factor: float) -> LengthCost:
        """Of so many times as many records of the same kind; the share of each that is lost stays."""
        return self if factor == 1 else LengthCost(*(round(factor * number) for number in self._numbers()))

    def _numbers(self) -> tuple[int, ...]:
        return (self.records, self.dropped, self.truncated, self.tokens, self.supervised, self.supervised_lost)

    @property
    def lost_share(self) -> float:
        """Part of the records that is dropped or cut."""
        return (self.dropped + self.truncated) / self.records if self.records else 0.0

    @property
    def supervised_lost_share(self) -> float:
        """Part of the targets that is lost."""
        return self.supervised_lost / max(1, self.supervised + self.supervised_lost)


@dataclass(frozen=True, slots=True)
class LengthHistogram:
    """Records by their length, and samples by their supervised part.

    Attributes:
        records: int64 [bins], those of at most `UP_TO[b]` tokens that are in no bin before; the last: longer ones.
        tokens, supervised: int64 [bins], of these, as far as they were tokenised. What is left of records that were
            cut is spread over their bins alike.
        supervision: int64 [10], samples of which at most a tenth is supervised, at most two tenths, and so on.
    """

    records: np.ndarray
    tokens: np.ndarray
    supervised: np.ndarray
    supervision: np.ndarray


class RecordLengths:
    """Samples of one entry, a text that was split being one again.

    Args:
        entry: the tokens of some files.
        index: int64 [samples], which of its samples; None: all.
        policy: under which the entry was made.
    """

    def __init__(self, entry: TokenEntry, policy: LengthPolicy, index: np.ndarray | None = None) -> None:
        self.entry, self.policy = entry, policy
        rows = np.arange(len(entry)) if index is None else index
        lengths, supervised = np.diff(entry.offsets)[rows], entry.supervised_counts[rows].astype(np.int64)
        places, files = entry.places[rows], entry.files[rows]
        opens = np.ones(len(rows), bool)  # a record
        opens[1:] = (np.diff(places) != 0) | (np.diff(files) != 0)
        record = np.cumsum(opens) - 1
        # A text is all that is supervised but for the first token; of a conversation, there is a question before that.
        text = np.bincount(record, weights=supervised != lengths - 1)[record] == 0
        self._text_parts = text & (policy.overlong == "split")
        starts = np.flatnonzero(opens | ~self._text_parts)
        parts = np.diff(np.append(starts, len(rows)))
        self.rows, self.record, self.text = rows[starts], record[starts], self._text_parts[starts]
        self.lengths = _sums(lengths, starts) - (parts - 1)  # each part begins with the last token of the one before
        self.supervised = _sums(supervised, starts)

    @cached_property
    def longer(self) -> LongerRecords:
        """The records of the whole entry that were dropped or cut."""
        return LongerRecords.of(self.entry.counts)

    @property
    def records(self) -> int:
        """How many records these samples are of."""
        return int(self.record[-1]) + 1 if len(self.record) else 0

    @property
    def each_stands_for(self) -> float:
        """How many records of the files each of those that were tokenised stands for: 1.0, but where few samples are
        wanted (`mft_core.data.few_samples`)."""
        counts = self.entry.counts
        known = self.records + counts.get(OVERLONG, 0)
        bad = sum(count for name, count in counts.items() if isinstance(count, int) and name not in NO_FAULTS)
        return (counts[READ] - bad) / known if known else 1.0

    def under(self, max_length: int) -> Kept:
        """What would be left under another `max_length`; a record that was cut or dropped stays so under a larger one.

        Args:
            max_length: at least 2.
        """
        over, parts, supervised = self.lengths > max_length, np.ones(len(self.lengths), np.int64), self.supervised
        touched = np.bincount(self.record, weights=over) > 0
        if self.policy.overlong == "truncate":
            supervised = np.where(over, self._supervised_before(max_length), supervised)
            parts = (supervised > 0).astype(np.int64)
        else:
            parts[touched[self.record]] = 0
            splits = self.text & over
            parts[splits] = -(-(self.lengths[splits] - 1) // (max_length - 1))
        left = np.bincount(self.record, weights=parts) > 0
        truncated = touched & left & (self.policy.overlong == "truncate")
        return Kept(*self._in_parts(parts, supervised, max_length), int((~left).sum()), int(truncated.sum()))

    def _in_parts(self, parts: np.ndarray, supervised: np.ndarray, max_length: int) -> tuple[np.ndarray, np.ndarray]:
        number = np.repeat(np.arange(len(parts)), parts)
        ends = np.cumsum(parts)[number] - 1 == np.arange(len(number))
        rest = self.lengths - (np.maximum(parts, 1) - 1) * (max_length - 1)
        lengths = np.where(ends, np.minimum(rest[number], max_length), max_length)
        return lengths, np.where(parts[number] > 1, lengths - 1, supervised[number])

    def _supervised_before(self, position: int) -> np.ndarray:
        """int64 [samples]: targets among the first `position` tokens of each."""
        first, end = self.entry.offsets[self.rows], self.entry.offsets[self.rows + 1]
        spans = self.entry.spans
        counted = np.concatenate([[0], np.cumsum(spans[:, 1] - spans[:, 0])])

        def before(tokens: np.ndarray) -> np.ndarray:
            span = np.searchsorted(spans[:, 0], tokens)
            inside = np.maximum(spans[span - 1, 1] - tokens, 0) if len(spans) else 0
            return counted[span] - np.where(span > 0, inside, 0)

        return before(np.minimum(first + position, end)) - before(first)

    def cost(self, max_length: int) -> LengthCost:
        """What a `max_length` does to all records of the entry (`index` None), also to those that it has dropped."""
        kept, longer, counts = self.under(max_length), self.longer, self.entry.counts
        dropped, truncated = counts.get(OVERLONG, 0), longer.records.total() - counts.get(OVERLONG, 0)
        records = self.records + dropped
        tokens, supervised = int(kept.lengths.sum()), int(kept.supervised.sum())
        total = int(self.supervised.sum()) + longer.supervised.total()
        if max_length < self.policy.max_length:
            dropped, truncated = dropped + kept.dropped, kept.truncated
        elif max_length > self.policy.max_length:
            fitting = longer.up_to(max_length)
            over = longer.records.total() - fitting.records.total()
            dropped = min(dropped, over)
            truncated = over - dropped
            tokens, supervised = tokens + fitting.tokens.total(), supervised + fitting.supervised.total()
        return LengthCost(records, dropped, truncated, tokens, supervised, total - supervised)

    def histogram(self) -> LengthHistogram:
        """All records of the entry (`index` None), by their lengths."""
        whole = np.zeros(self.records, np.int64)
        np.maximum.at(whole, self.record, self.lengths)
        sizes = (np.bincount(self.record, each, self.records) for each in (self.lengths, self.supervised))
        stored = np.stack([np.ones(self.records), *sizes])
        counts = np.stack([_in_bins(whole, values) for values in stored]) + self._longer_in_bins()
        cut = self.longer.records.total() - self.entry.counts.get(OVERLONG, 0)
        at_limit = whole == self.policy.max_length
        if cut and at_limit.any():  # they lie there with what is left of them, and belong where their own lengths are
            left = stored[:, at_limit].sum(axis=1) * min(1.0, cut / at_limit.sum())
            counts[:, np.searchsorted(UP_TO, self.policy.max_length)] -= left
            ends, records = np.array(list(self.longer.records.items())).T
            counts[1:] += left[1:, None] * _in_bins(ends, records / records.sum())
        tenths = -(-TENTHS * self.supervised // self.lengths) - 1
        records, tokens, supervised = np.rint(counts).astype(np.int64)
        return LengthHistogram(records, tokens, supervised, np.bincount(tenths, minlength=TENTHS))

    def _longer_in_bins(self) -> np.ndarray:
        """float64 [3, bins]: records that were dropped or cut, and their tokens and targets that are lost."""
        parts = (self.longer.records, self.longer.tokens, self.longer.supervised)
        ends = np.array(list(self.longer.records), np.int64)
        return np.stack([_in_bins(ends, np.array([part[end] for end in ends.tolist()])) for part in parts])


def _in_bins(lengths: np.ndarray, values: np.ndarray) -> np.ndarray:
    """float64 [bins]: the sum of the values of what is as long as a bin's records."""
    return np.bincount(np.searchsorted(UP_TO, lengths), values, len(UP_TO) + 1)


def _sums(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    return np.add.reduceat(values, starts) if len(values) else values
