"""Which tasks to learn together: partitions into few groups, by what members of a group do for each other."""

from __future__ import annotations

import numpy as np

MOST_EXACT = 10
"""Tasks up to which every partition is considered."""

Groups = tuple[tuple[int, ...], ...]
"""Tasks by group, ascending; groups by their first task."""


def within(scores: np.ndarray, groups: Groups) -> float:
    """The sum over groups of `scores`, float64 [N, N], over all ordered pairs of different members."""
    return sum(float(scores[np.ix_(group, group)].sum() - scores[group, group].sum()) for group in groups)


def best_groups(scores: np.ndarray, most: int) -> Groups:
    """The partition into at most `most` groups in which members do most for each other: the largest `within`.

    Exact up to `MOST_EXACT` tasks; of more, the best of two local searches: from groups that were merged greedily, and
    from all tasks together. Of equally good partitions the one with fewer groups.

    Args:
        scores: float64 [N, N]; what task i does for task j. The diagonal says nothing here.
    """
    pairs = scores + scores.T
    np.fill_diagonal(pairs, 0.0)
    tasks = len(pairs)
    if tasks <= MOST_EXACT:
        return _exact(pairs, min(most, tasks))
    together = _improved(pairs, np.zeros(tasks, np.int64), most)
    merged = _improved(pairs, _merged(pairs, most), most)
    return max(together, merged, key=lambda groups: within(scores, groups))


def _exact(pairs: np.ndarray, most: int) -> Groups:
    """Dynamic programming over sets of tasks, as bits: the group of the lowest task is any subset that has it."""
    tasks = len(pairs)
    alone = [0.0] * (1 << tasks)
    for mask in range(1, 1 << tasks):
        low = (mask & -mask).bit_length() - 1
        rest = mask & (mask - 1)
        alone[mask] = alone[rest] + sum(pairs[low, other] for other in range(low + 1, tasks) if rest >> other & 1)
    best: list[tuple[float, tuple[int, ...]]] = [(value, (mask,)) for mask, value in enumerate(alone)]
    for _ in range(most - 1):
        best = [_split(mask, alone, best) for mask in range(1 << tasks)]
    return _ordered([[task for task in range(tasks) if mask >> task & 1] for mask in best[-1][1]])


def _split(mask: int, alone: list[float], best: list[tuple[float, tuple[int, ...]]]) -> tuple[float, tuple[int, ...]]:
    """The best partition of a set into one group more than `best` has."""
    found, lowest = best[mask], mask & -mask
    group = mask & (mask - 1)
    while group:
        group = (group - 1) & (mask ^ lowest)
        one = group | lowest
        value, others = best[mask ^ one]
        if alone[one] + value > found[0] + 1e-15:
            found = (alone[one] + value, (one, *others))
    return found


def _merged(pairs: np.ndarray, most: int) -> np.ndarray:
    """int64 [N]: the group of each task, when the two that gain most are merged again and again."""
    groups, between = [[task] for task in range(len(pairs))], pairs.copy()
    np.fill_diagonal(between, -np.inf)
    while len(groups) > 1 and (len(groups) > most or between.max() > 0):
        one, other = sorted(int(index) for index in np.unravel_index(int(between.argmax()), between.shape))
        groups[one] += groups.pop(other)
        between[one] += between[other]
        between[:, one] += between[:, other]
        between = np.delete(np.delete(between, other, 0), other, 1)
        between[one, one] = -np.inf
    labels = np.zeros(len(pairs), np.int64)
    for label, group in enumerate(groups):
        labels[group] = label
    return labels


def _improved(pairs: np.ndarray, labels: np.ndarray, most: int) -> Groups:
    """Single tasks go where they gain most, until none gains any more."""
    moved = True
    while moved:
        moved = False
        for task in range(len(pairs)):
            gains = np.bincount(labels, weights=pairs[task], minlength=most)
            target = int(gains.argmax())
            if gains[target] > gains[labels[task]] + 1e-12:
                labels[task], moved = target, True
    return _ordered([np.flatnonzero(labels == label).tolist() for label in np.unique(labels)])


def _ordered(groups: list[list[int]]) -> Groups:
    return tuple(sorted(tuple(sorted(group)) for group in groups if group))
