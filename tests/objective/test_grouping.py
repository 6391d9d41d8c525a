"""The best groups on planted matrices, against every partition, and where there are too many to try them all."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from mft_core.objective import grouping
from mft_core.objective.grouping import Groups, best_groups, within


def every_partition(tasks: int, most: int) -> list[Groups]:
    """All of them, one by one."""
    if tasks == 0:
        return [()]
    found: list[Groups] = []
    others = range(1, tasks)
    for size in range(tasks):
        for partners in combinations(others, size):
            left = [task for task in others if task not in partners]
            for rest in every_partition(len(left), most - 1) if most > 1 or not left else []:
                found.append(((0, *partners), *(tuple(left[index] for index in group) for group in rest)))
    return found


@pytest.mark.parametrize("most", [1, 2, 3, 9])
@pytest.mark.parametrize("tasks", [1, 2, 4, 7])
def test_no_partition_is_better(tasks: int, most: int) -> None:
    generator = np.random.default_rng(tasks)
    for _ in range(5):
        scores = generator.normal(size=(tasks, tasks))
        found = best_groups(scores, most)
        assert sorted(task for group in found for task in group) == list(range(tasks))
        assert len(found) <= most
        best = max(within(scores, groups) for groups in every_partition(tasks, most))
        assert within(scores, found) == pytest.approx(best, abs=1e-12)


def test_there_are_as_many_partitions_as_the_books_say() -> None:
    assert [len(every_partition(5, most)) for most in (1, 2, 3, 5)] == [1, 16, 41, 52]


def test_who_does_what_for_oneself_says_nothing() -> None:
    scores = np.full((4, 4), -1.0)
    np.fill_diagonal(scores, 100.0)
    assert within(scores, ((0, 1), (2, 3))) == -4
    assert best_groups(scores, 4) == ((0,), (1,), (2,), (3,))


def planted(groups: Groups, help_: float = 1.0, harm: float = -1.0, noise: float = 0.0) -> np.ndarray:
    tasks = sum(map(len, groups))
    scores = np.full((tasks, tasks), harm)
    for group in groups:
        scores[np.ix_(group, group)] = help_
    return scores + np.random.default_rng(0).normal(0, noise, scores.shape)


def test_planted_groups_are_found() -> None:
    groups = ((0, 3, 5), (1, 2, 4))
    assert best_groups(planted(groups), 3) == groups
    assert best_groups(planted(groups, harm=0.1), 3) == (tuple(range(6)),)


def test_a_help_that_goes_one_way_counts() -> None:
    scores = np.array([[0, 3, 0], [-1, 0, 0], [0, -1, 0.0]])
    assert best_groups(scores, 3) == ((0, 1), (2,))


@pytest.mark.parametrize("sizes", [[5, 6, 7], [1, 1, 16], [40, 35, 25]])
def test_planted_groups_are_found_among_more_than_can_be_tried(sizes: list[int]) -> None:
    order = np.random.default_rng(1).permutation(sum(sizes))
    parts = np.split(order, np.cumsum(sizes)[:-1])
    groups = tuple(sorted(tuple(sorted(part.tolist())) for part in parts))
    assert best_groups(planted(groups, noise=0.5), 3) == groups


def test_searching_comes_close_to_the_best(monkeypatch) -> None:
    generator = np.random.default_rng(2)
    for _ in range(20):
        scores = generator.normal(size=(8, 8))
        best = within(scores, best_groups(scores, 3))
        with monkeypatch.context() as patch:
            patch.setattr(grouping, "MOST_EXACT", 1)
            found = best_groups(scores, 3)
        assert len(found) <= 3
        assert within(scores, found) >= 0.8 * best


def test_so_many_groups_at_most_where_all_tasks_harm_each_other(monkeypatch) -> None:
    monkeypatch.setattr(grouping, "MOST_EXACT", 1)
    assert len(best_groups(-np.ones((7, 7)), 3)) == 3
