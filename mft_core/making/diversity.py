"""How different texts are from one another: shares of distinct word sequences, and how like their nearest they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mft_core.audit.shingles import words
from mft_core.making.filters.rouge import Neighbour, nearest

LENGTHS = (1, 2, 3)
MOST_AMONG = 2_000
"""Texts among which neighbours are looked for, the first ones: a report takes seconds, however many there are."""


@dataclass(frozen=True, slots=True)
class Diversity:
    """Of one set of texts.

    Attributes:
        texts: how many.
        distinct: by n = 1, 2, 3: distinct sequences of n words by all of them (distinct-n, Li et al. 2016,
            arXiv 1510.03055). It falls with the amount of text: compare sets of a like size.
        neighbours: of each text that is compared the one most like it, those most alike first.
    """

    texts: int
    distinct: tuple[float, ...]
    neighbours: list[Neighbour]

    @property
    def nearest(self) -> float | None:
        """Mean ROUGE-L of a text that is compared with the one that is most like it; None of fewer than two."""
        compared = len(self.neighbours)
        return sum(each.score for each in self.neighbours) / compared if compared else None


def diversity(texts: Sequence[str], seed: int = 0) -> Diversity:
    """Of the texts; `seed` draws those that are compared."""
    every = [words(text) for text in texts]
    distinct = tuple(_distinct(every, length) for length in LENGTHS)
    found = sorted(nearest(texts[:MOST_AMONG], seed=seed), key=lambda each: (-each.score, each.text))
    return Diversity(len(texts), distinct, found)


def _distinct(texts: Sequence[Sequence[str]], length: int) -> float:
    """1 where no sequence comes twice; 0 where there is none."""
    every = [tuple(text[start : start + length]) for text in texts for start in range(len(text) - length + 1)]
    return len(set(every)) / len(every) if every else 0.0
