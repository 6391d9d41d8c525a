"""The paper's rule is early stopping with patience two and the best checkpoint."""

from __future__ import annotations

import itertools
import json

import pytest

from mft_core.training.selection import Selection


def paper_rule(losses: list[float]) -> tuple[int, int]:
    """(evaluations done, the one taken), counted from 0, as section 3.1 words it."""
    for last in range(2, len(losses)):
        if losses[last - 1] > losses[last - 2] and losses[last] > losses[last - 2]:
            return last + 1, last - 2
    return len(losses), losses.index(min(losses))


def select(losses: list[float], rule: str, patience: int = 2) -> tuple[int, int | None]:
    selection = Selection(rule, patience)
    for step, loss in enumerate(losses):
        if selection.observe(step, loss, {}):
            return step + 1, selection.best
    return len(losses), selection.best


@pytest.mark.parametrize("length", range(1, 8))
def test_the_papers_rule_over_every_order_of_losses(length) -> None:
    for losses in itertools.permutations(map(float, range(length))):
        assert select(list(losses), "paper") == paper_rule(list(losses))
        assert select(list(losses), "patience", 2) == paper_rule(list(losses))


def test_patience_waits_longer() -> None:
    losses = [5.0, 4.0, 4.5, 4.4, 4.3, 3.0, 3.5]
    assert select(losses, "patience", 3)[0] == 5
    assert select(losses, "patience", 4) == (7, 5)
    assert select(losses, "none") == (7, 5)


def test_losses_that_are_not_finite_are_never_best() -> None:
    assert select([2.0, float("nan"), float("inf")], "paper") == (3, 0)
    assert select([float("nan")] * 5, "paper") == (5, None)


@pytest.mark.parametrize("lost", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("rule", ["none", "paper", "patience"])
def test_an_evaluation_that_is_not_finite_is_the_best_for_no_task_either(rule, lost: float) -> None:
    selection = Selection(rule)
    selection.observe(1, 2.0, {"a": 2.0, "b": 2.0})
    selection.observe(2, lost, {"a": 1.0, "b": lost})
    assert (selection.best, selection.best_per_task) == (1, {"a": 1, "b": 1})
    selection.observe(3, 1.5, {"a": 1.5, "b": 1.5})
    assert (selection.best, selection.best_per_task) == (3, {"a": 3, "b": 3})


def test_the_best_is_kept_and_that_of_every_task_where_asked() -> None:
    selection = Selection()
    selection.observe(1, 2.0, {"a": 1.0, "b": 3.0})
    selection.observe(2, 1.5, {"a": 1.5, "b": 1.5})
    selection.observe(3, 1.8, {"a": 1.6, "b": 2.0})
    assert selection.best_per_task == {"a": 1, "b": 2}
    assert selection.kept() == {2}
    assert selection.kept(task_bests=True) == {1, 2}
    assert Selection().kept(task_bests=True) == set()


def test_its_state_survives_json() -> None:
    losses = [3.0, 2.0, 2.5, 2.4]
    first, second = Selection("paper"), Selection("paper")
    for step, loss in enumerate(losses[:3]):
        first.observe(step, loss, {"a": loss})
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second.observe(3, losses[3], {"a": losses[3]})
    assert second.best == 1
    fresh = Selection()
    fresh.load_state_dict(json.loads(json.dumps(Selection().state_dict())))
    assert fresh.observe(1, 9.0, {}) is False
    assert fresh.best == 1


def test_all_evaluations_are_ranked_also_after_a_resume() -> None:
    selection = Selection()
    for step, loss in ((1, 2.0), (2, 1.0), (3, float("nan")), (4, 1.5), (5, 1.0)):
        selection.observe(step, loss, {})
    resumed = Selection()
    resumed.load_state_dict(json.loads(json.dumps(selection.state_dict())))
    assert resumed.ranked == selection.ranked == [2, 5, 4, 1]
    state = selection.state_dict()
    del state["evaluated"]  # as it was written before all were
    resumed.load_state_dict(state)
    assert resumed.ranked == [2]
