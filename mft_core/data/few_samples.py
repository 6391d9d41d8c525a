"""Tasks of which few samples are asked for (`max_samples`): only records that may be among these are tokenised.

Which samples are used follows from the digests of all records, as where all of them are tokenised. So first every
record is read and its digest taken; then those whose turn comes first are tokenised, more where some cannot be used.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from mft_core.data.exclusion import Exclusions, is_excluded
from mft_core.data.sides import Part, Side
from mft_core.data.splitting import ranked, split_off
from mft_core.data.token_store import TokenEntry
from mft_core.recipe.schema import DataSection
from mft_core.records import TaskFiles

SMALL_BYTES = 1 << 20
"""Files of no more than this are tokenised whole: it takes a second."""
FEW = 10
"""Records are few where there are so many times more."""


class SampleLimits(NamedTuple):
    """How many samples of a task are used at most (0: all), and how its validation samples are split off (1: all)."""

    train: int
    valid: int
    fraction: float
    seed: int


def limits_of(task: TaskFiles, settings: DataSection) -> SampleLimits:
    """What the task says itself, else what holds for all."""
    own = task.sampling
    most = settings.max_samples if own.max_samples is None else own.max_samples
    fraction = settings.valid_fraction if own.valid_fraction is None else own.valid_fraction
    most_valid = settings.max_valid_samples or most
    if own.watched:
        return SampleLimits(0, most_valid, 1.0, settings.split_seed)
    return SampleLimits(most, most_valid, fraction, settings.split_seed)


def may_be_few(sides: tuple[Side, Side | None], limits: SampleLimits) -> list[Side]:
    """Those of a task's sides of which perhaps not all records are needed."""
    train, valid = sides
    asked = [train] if limits.train or (limits.fraction == 1 and limits.valid) else []
    if valid is not None and limits.valid:
        asked.append(valid)
    return [side for side in asked if side.size > SMALL_BYTES]


def asks_digests(sides: tuple[Side, Side | None], limits: SampleLimits) -> list[Side]:
    """Those sides of a task of which the digests decide which samples validate, whatever was tokenised before."""
    return may_be_few(sides, limits) if sides[1] is None and limits.fraction < 1 else []


def validates(digests: np.ndarray, every: np.ndarray, limits: SampleLimits) -> np.ndarray:
    """bool [digests]: which of them validate, where a task has no validation files.

    Args:
        digests: uint64, of some records of its files.
        every: uint64, of all records that the share is one of.
        limits: of the task.
    """
    return np.isin(digests, every[split_off(every, limits.fraction, limits.seed)])


class SampleChoice:
    """What of one side is to be tokenised: the first records by the hashes that `choose` goes by.

    Args:
        side: the whole of it.
        digests: of all its records.
        limits: of the task.
        splits: whether validation samples are split off.
        is_valid: whether the side is one of validation files.
        exclusions: records that are left out.
    """

    def __init__(
        self,
        side: Side,
        digests: TokenEntry,
        limits: SampleLimits,
        splits: bool,
        is_valid: bool,
        exclusions: Exclusions,
    ) -> None:
        self._side, self._digests = side, digests
        free = ~is_excluded(digests, side.paths, exclusions)
        held_out = np.zeros(len(digests), bool)
        if splits:
            held_out = split_off(digests.digests, limits.fraction, limits.seed)
        groups = [(~held_out & free, limits.valid if is_valid else limits.train), (held_out & free, limits.valid)]
        self._ranked = [(self._order(np.flatnonzero(rows), limits.seed), most) for rows, most in groups]
        self._free = int(free.sum())
        self._factor = 1

    def _order(self, rows: np.ndarray, seed: int) -> np.ndarray:
        return rows[ranked(self._digests.digests[rows], seed)]

    def _groups(self) -> list[np.ndarray]:
        """int64 each, the records that are to be tokenised: a few more than are wanted, since some may be too long."""
        return [order[: self._factor * (most + most // 8 + 8)] if most else order for order, most in self._ranked]

    def side(self) -> Side:
        """The part that is to be tokenised; all of it where that is not few."""
        rows = np.sort(np.concatenate(self._groups()))
        if len(rows) * FEW > len(self._digests):
            return self._side
        unseen = self._free - len(rows)
        places = list(zip(self._digests.files[rows].tolist(), self._digests.places[rows].tolist(), strict=True))
        key = hashlib.sha256(f"{self._side.folder.name} {unseen} {places}".encode()).hexdigest()[:32]
        part = Part(frozenset(places), self._digests, unseen, len(self._digests) - self._free)
        return replace(self._side, folder=self._side.folder.parent / key, part=part)

    def is_short(self, entry: TokenEntry) -> bool:
        """Whether too few of the records could be used, though there are more."""
        for chosen, (order, most) in zip(self._groups(), self._ranked, strict=True):
            usable = int(np.isin(entry.digests, self._digests.digests[chosen]).sum())
            if most and usable < most and len(chosen) < len(order):
                return True
        return False

    def widen(self) -> None:
        """Choose four times as many."""
        self._factor *= 4


def digests_of(side: Side) -> Side:
    """The same where only digests are taken."""
    return replace(side, folder=side.digest_folder, only_digests=True)
