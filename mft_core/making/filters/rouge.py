"""Instructions that say what an earlier one says, by ROUGE-L (Lin 2004), as Self-Instruct does (arXiv 2212.10560).

Not every pair is compared. F = 2 L / (n + m) > t is only possible where two texts of n and m tokens have more than
t / 2 (n + m) of them in common, in any order; then, all texts' tokens being sorted by the same rule, they also have
some in common among the first few of each (prefix filtering: Chaudhuri and others 2006, Bayardo and others 2007; for
more than one: Wang and others 2012). An index of these finds the candidates; counting what they have in common leaves
few whose longest common subsequence is computed.
"""

from __future__ import annotations

import math
import random
import sys
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from mft_core.audit.shingles import words
from mft_core.errors import MftError
from mft_core.making.draft import Draft, Refused
from mft_core.making.filters.filter import OrderedFilter

SHOWN = 60
Element = tuple[str, int]
"""A token, and how many of it stood before it: so a text with a token twice is a set, too."""


class Neighbour(NamedTuple):
    """A text (by its number), the one of the others that is most like it (by its number), and how much (0 to 1)."""

    text: int
    other: int
    score: float


def rouge_l(first: str, second: str) -> float:
    """F-measure of the longest common subsequence of two texts' words, 0 to 1; of characters in Chinese and Japanese.

    Raises:
        MftError: rapidfuzz is not installed.
    """
    return _score(words(first), words(second))


def nearest(
    texts: Sequence[str], others: Sequence[str] | None = None, *, most: int = 200, seed: int = 0
) -> list[Neighbour]:
    """The most alike by ROUGE-L, of each text in order, or of so many that are drawn; none where there are no others.

    Args:
        texts: whose neighbours are looked for.
        others: among which; None: among the texts themselves, each apart from itself.
        most: texts that are looked at, each compared with all others.
        seed: draws them.

    Raises:
        MftError: rapidfuzz is not installed.
    """
    drawn = range(len(texts)) if len(texts) <= most else sorted(random.Random(seed).sample(range(len(texts)), most))
    compared = [words(text) for text in (texts if others is None else others)]
    found = []
    for number in drawn:
        own = words(texts[number])
        scores = (
            (_score(own, other), -place)
            for place, other in enumerate(compared)
            if others is not None or place != number
        )
        score, place = max(scores, default=(0.0, 1))
        if place <= 0:
            found.append(Neighbour(number, -place, score))
    return found


class RougeFilter(OrderedFilter):
    """Leaves out instructions that a model worded and whose ROUGE-L with an earlier one is more than so much.

    Args:
        most: the greatest F-measure that is let pass; less than 1.
    """

    name = "rouge"
    REASON: ClassVar[str] = "like an earlier instruction"

    def __init__(self, most: float) -> None:
        self._index = RougeIndex(most)
        self._shown: list[str] = []

    def check(self, draft: Draft) -> None:
        """See the class."""
        if not draft.worded:
            return
        found = self._index.most_alike(words(draft.instruction))
        if found is not None:
            number, score = found
            raise Refused(self.REASON, f"{score:.2f} with {self._shown[number]!r}")

    def keep(self, draft: Draft) -> None:
        """Remember its instruction."""
        if not draft.worded:
            return
        self._index.add(words(draft.instruction))
        self._shown.append(draft.instruction[:SHOWN])


class RougeIndex:
    """Finds the texts whose ROUGE-L with a new one is above a threshold.

    Tokens are sorted by how rare they were when the number of texts last doubled, so that few texts are candidates.

    Args:
        threshold: at least 0, less than 1.

    Attributes:
        compared: how many longest common subsequences were computed.
    """

    FIRST_ORDER: ClassVar[int] = 16
    """Texts after which their tokens are counted for the first time."""
    SHARED: ClassVar[int] = 3
    """Tokens that two texts must have in common among the first of each: with one, there are too many candidates."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._texts: list[list[str]] = []
        self._frequencies: Counter[Element] = Counter()
        self._holders: dict[Element, list[int]] = {}
        self._next_order = self.FIRST_ORDER
        self.compared = 0

    def most_alike(self, tokens: Sequence[str]) -> tuple[int, float] | None:
        """(number, F-measure) of the most alike text of those added, the earliest of several; None where no F-measure
        is above the threshold.
        """
        own, best = Counter(tokens), None
        for number in self._candidates(tokens):
            text = self._texts[number]
            if not self._may_be_alike(own, len(tokens), text):
                continue
            self.compared += 1
            score = _score(tokens, text)
            if score > self._threshold and (best is None or score > best[1]):
                best = number, score
        return best

    def add(self, tokens: Sequence[str]) -> None:
        """One more, whose number is how many there were."""
        self._texts.append([sys.intern(token) for token in tokens])
        if len(self._texts) < self._next_order:
            self._enter(len(self._texts) - 1)
            return
        self._next_order *= 2
        self._frequencies = Counter(element for text in self._texts for element in _elements(text))
        self._holders = {}
        for number in range(len(self._texts)):
            self._enter(number)

    def _enter(self, number: int) -> None:
        for element in self._prefix(self._texts[number]):
            self._holders.setdefault(element, []).append(number)

    def _candidates(self, tokens: Sequence[str]) -> list[int]:
        """Every text that may be alike, in order, and some others."""
        met: Counter[int] = Counter()
        for element in self._prefix(tokens):
            met.update(self._holders.get(element, ()))
        shared = min(self.SHARED, self._least(len(tokens)))
        return sorted(number for number, count in met.items() if count >= shared)

    def _least(self, length: int) -> int:
        """Tokens that a text of this length has in common with any that is alike.

        More than t n / (2 - t), which is how long an alike text is at least.
        """
        return max(1, math.floor(self._threshold * length / (2 - self._threshold) - 1e-9) + 1)

    def _prefix(self, tokens: Sequence[str]) -> list[Element]:
        """The rarest elements: so many that of `_least` in common, `SHARED` are among them (or all, if fewer)."""
        ordered = sorted(_elements(tokens), key=lambda element: (self._frequencies[element], element))
        return ordered[: len(tokens) - self._least(len(tokens)) + self.SHARED]

    def _may_be_alike(self, own: Counter[str], length: int, text: Sequence[str]) -> bool:
        """Whether lengths and tokens, in any order, allow it."""
        if _f_measure(min(length, len(text)), length, len(text)) <= self._threshold:
            return False
        common = sum(min(own[token], count) for token, count in Counter(text).items())
        return _f_measure(common, length, len(text)) > self._threshold


def _elements(tokens: Sequence[str]) -> list[Element]:
    seen: Counter[str] = Counter()
    found = []
    for token in tokens:
        found.append((token, seen[token]))
        seen[token] += 1
    return found


def _score(first: Sequence[str], second: Sequence[str]) -> float:
    try:
        from rapidfuzz.distance import LCSseq
    except ImportError as error:
        raise MftError(
            "ROUGE-L is computed by the package rapidfuzz.", "Install it: pip install 'mft[make]'"
        ) from error
    return _f_measure(int(LCSseq.similarity(first, second)), len(first), len(second))


def _f_measure(common: int, first: int, second: int) -> float:
    return 2 * common / (first + second) if first + second else 0.0
