"""How different texts are from one another: shares of distinct word sequences, and how like their nearest they are."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from mft_core.making.filters.rouge import rouge_l, words

MOST_COMPARED = 300
"""Texts that are compared with one another, drawn at random where there are more: pairs grow with their square."""
LENGTHS = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Diversity:
    """Of one set of texts.

    Attributes:
        texts: how many.
        distinct: by n = 1, 2, 3: distinct sequences of n words by all of them (distinct-n, Li et al. 2016,
            arXiv 1510.03055). It falls with the amount of text: compare sets of a like size.
        nearest: mean ROUGE-L of a text with the one that is most like it, of those compared; None of fewer than two.
        compared: how many texts that is the mean of.
    """

    texts: int
    distinct: tuple[float, ...]
    nearest: float | None
    compared: int


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Two texts and their ROUGE-L."""

    first: str
    second: str
    similarity: float


def diversity(texts: Sequence[str], seed: int = 0) -> Diversity:
    """Of the texts; `seed` draws those that are compared."""
    every = [words(text) for text in texts]
    distinct = tuple(_distinct(every, length) for length in LENGTHS)
    found = nearest_neighbours(texts, seed)
    mean = sum(each.similarity for each in found) / len(found) if found else None
    return Diversity(len(texts), distinct, mean, len(found))


def nearest_neighbours(texts: Sequence[str], seed: int = 0) -> list[Neighbours]:
    """Of each text that is compared the one most like it, those most alike first."""
    if len(texts) < 2:
        return []
    chosen = random.Random(seed).sample(list(texts), MOST_COMPARED) if len(texts) > MOST_COMPARED else list(texts)
    best = [(-1.0, place) for place in range(len(chosen))]
    for place, text in enumerate(chosen):
        for earlier in range(place):
            similarity = rouge_l(chosen[earlier], text)
            best[place] = max(best[place], (similarity, earlier))
            best[earlier] = max(best[earlier], (similarity, place))
    found = [Neighbours(text, chosen[other], score) for text, (score, other) in zip(chosen, best, strict=True)]
    return sorted(found, key=lambda each: -each.similarity)


def _distinct(texts: Sequence[Sequence[str]], length: int) -> float:
    """1 where no sequence comes twice; 0 where there is none."""
    every = [tuple(text[start : start + length]) for text in texts for start in range(len(text) - length + 1)]
    return len(set(every)) / len(every) if every else 0.0
