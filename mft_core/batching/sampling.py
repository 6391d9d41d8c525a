"""Which samples an epoch uses, and in which order, as pure functions of (seed, epoch)."""

from __future__ import annotations

import numpy as np


def uses_per_epoch(sizes: np.ndarray, temperature: float) -> np.ndarray:
    """How many samples of each task an epoch uses; the epoch's size stays about the same.

    A sample is drawn from task i with probability ~ sizes_i ** (1 / temperature): 1 draws in proportion to the sizes
    (every sample once), large temperatures draw all tasks equally often.

    Args:
        sizes: [N], samples of each task, above 0; a task's repetitions counted, a share of it too.

    Returns:
        int64 [N], at least 1 each.
    """
    if temperature == 1.0:
        return np.maximum(1, np.rint(sizes)).astype(np.int64)
    share = sizes.astype(np.float64) ** (1.0 / temperature)
    return np.maximum(1, np.rint(sizes.sum() * share / share.sum())).astype(np.int64)


def draw(samples: np.ndarray, uses: int, epoch: int, seed: list[int]) -> np.ndarray:
    """The samples of one task that an epoch uses: the next `uses` of an endless run of permutations.

    So a sample comes again only when all others of its task have come as often.

    Args:
        samples: int64 [M], the task's samples.
        uses: of this task per epoch.
        seed: of the permutations.
    """
    first, size = epoch * uses, len(samples)
    passes = range(first // size, (first + uses - 1) // size + 1)
    run = np.concatenate([np.random.default_rng([*seed, number]).permutation(samples) for number in passes])
    return run[first - passes[0] * size :][:uses]


def stratified_order(groups: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """An order in which every stretch holds the groups in about their proportions.

    Sample k of a shuffled group of size M gets the key (k + u) / M with u uniform in [0, 1); sorting by key
    spreads each group evenly over the epoch.

    Args:
        groups: int64 [n], group of each element.

    Returns:
        int64 [n], a permutation.
    """
    shuffled = generator.permutation(len(groups))
    by_group = shuffled[np.argsort(groups[shuffled], kind="stable")]
    sizes = np.bincount(groups)
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    ordered = groups[by_group]
    rank = np.arange(len(groups)) - starts[ordered]
    keys = (rank + generator.random(len(groups))) / sizes[ordered]
    return by_group[np.argsort(keys, kind="stable")]
