"""Problems of published sets in training data: what share of a problem's word sequences a record has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mft_core.audit.shingles import code_shingles, text_shingles

LEAST_SEQUENCES = 4
"""A part of a problem with fewer says nothing: a line like many others."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a published set.

    Attributes:
        of: the set's name.
        name: its own.
        parts: its texts: what is asked, and the solution.
    """

    of: str
    name: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A problem that a text has in it.

    Attributes:
        problem: which one.
        share: the share of a part's sequences that are there.
        view: "text" or "code".
    """

    problem: Problem
    share: float
    view: str


class ProblemIndex:
    """Which problems a text has in it.

    Args:
        problems: of all sets.
        threshold: the least share of a part's sequences.
    """

    def __init__(self, problems: Sequence[Problem], threshold: float) -> None:
        self._threshold = threshold
        parts = [(number, part) for number, problem in enumerate(problems) for part in problem.parts]
        self._views = {
            "text": _View((number, text_shingles(part)) for number, part in parts),
            "code": _View((number, code_shingles(part)) for number, part in parts),
        }
        self._problems = problems

    def hits(self, text: np.ndarray, code: np.ndarray) -> list[Hit]:
        """The problems that a text has in it, from its sequences in both views, each once, by its best share."""
        best: dict[int, Hit] = {}
        for view, shingles in (("text", text), ("code", code)):
            for number, share in self._views[view].shares(shingles, self._threshold):
                if number not in best or share > best[number].share:
                    best[number] = Hit(self._problems[number], share, view)
        return list(best.values())


class _View:
    """The sequences of all parts of all problems, sorted, with the parts that have them.

    A sequence that many problems have, such as what an instruction begins with, tells none of them apart.
    """

    MOST_PROBLEMS = 4

    def __init__(self, parts: Iterable[tuple[int, np.ndarray]]) -> None:
        owners: list[np.ndarray] = []
        sequences: list[np.ndarray] = []
        self._problem: list[int] = []
        for number, shingles in parts:
            owners.append(np.full(len(shingles), len(self._problem)))
            sequences.append(shingles)
            self._problem.append(number)
        flat = np.concatenate([*sequences, np.zeros(0, np.uint64)])
        owner = np.concatenate([*owners, np.zeros(0, np.int64)]).astype(np.int64)
        problem = np.array(self._problem, np.int64)[owner] if len(owner) else owner
        common = _shared_by_many(flat, problem, self.MOST_PROBLEMS)
        order = np.argsort(flat[~common], kind="stable")
        self._sequences, self._owner = flat[~common][order], owner[~common][order]
        self._counts = np.bincount(self._owner, minlength=len(self._problem))

    def shares(self, shingles: np.ndarray, threshold: float) -> Iterable[tuple[int, float]]:
        """(problem, share) of every part of which so much is there."""
        if not len(self._sequences) or not len(shingles):
            return
        first = np.searchsorted(self._sequences, shingles, "left")
        there = self._sequences[np.minimum(first, len(self._sequences) - 1)] == shingles
        if not there.any():
            return
        last = np.searchsorted(self._sequences, shingles[there], "right")
        places = np.concatenate([np.arange(start, end) for start, end in zip(first[there], last, strict=True)])
        found = np.bincount(self._owner[places], minlength=len(self._counts))
        enough = (self._counts >= LEAST_SEQUENCES) & (found >= threshold * self._counts)
        for part in np.flatnonzero(enough):
            yield self._problem[part], float(found[part] / self._counts[part])


def _shared_by_many(sequences: np.ndarray, problems: np.ndarray, most: int) -> np.ndarray:
    """bool [sequences]: those that more than `most` problems have."""
    pairs = np.unique(np.stack([sequences, problems.astype(np.uint64)], axis=1), axis=0) if len(sequences) else None
    if pairs is None:
        return np.zeros(0, bool)
    values, counts = np.unique(pairs[:, 0], return_counts=True)
    return np.isin(sequences, values[counts > most])
