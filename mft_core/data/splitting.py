"""Which records train and which validate: deterministic, by content, so that equal records fall on one side."""

from __future__ import annotations

import hashlib

import numpy as np


def split_off(digests: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Which records validate.

    Of the distinct contents, the `fraction` with the smallest hashes: at least one and never all of them, unless there
    is only one (which then trains) or `fraction` is 0 (none) or 1 (all). Neither file order nor file names matter.

    Args:
        digests: uint64 [records].
        fraction: share of the distinct contents, 0 to 1.
        seed: another seed, another choice.

    Returns:
        bool [records].
    """
    if fraction >= 1:
        return np.ones(len(digests), bool)
    distinct = np.unique(digests)
    if len(distinct) < 2 or fraction <= 0:
        return np.zeros(len(digests), bool)
    wanted = min(max(round(fraction * len(distinct)), 1), len(distinct) - 1)
    chosen = distinct[np.argsort(_scatter(distinct, f"valid:{seed}"), kind="stable")[:wanted]]
    return np.isin(digests, chosen)


def choose(digests: np.ndarray, limit: int, seed: int) -> np.ndarray:
    """int64 [at most limit], ascending: `limit` records, those with the smallest hashes; 0: all."""
    if limit <= 0 or len(digests) <= limit:
        return np.arange(len(digests))
    return np.sort(ranked(digests, seed)[:limit])


def ranked(digests: np.ndarray, seed: int) -> np.ndarray:
    """int64 [records]: all of them, in the order in which `choose` takes them."""
    return np.argsort(_scatter(digests, f"choose:{seed}"), kind="stable")


def _scatter(digests: np.ndarray, salt: str) -> np.ndarray:
    """uint64 [n]: a bijective mix of digests that differs for every salt (the finalizer of splitmix64)."""
    mixed = digests ^ np.frombuffer(hashlib.blake2b(salt.encode(), digest_size=8).digest(), "<u8")
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))
