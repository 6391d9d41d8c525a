"""Tasks that overfit, stall or starve are named, once, and only they."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mft_core.training.balance import LOW_WEIGHT_STEPS, BalanceWatch

NAMES = ("good", "bad")


def evaluate(watch: BalanceWatch, losses: list[list[float | None]]) -> list[str]:
    """What is said over evaluations of the tasks; None: a task without validation data."""
    said = []
    for step, values in enumerate(losses):
        measured = np.array([value is not None for value in values])
        said += watch.after_evaluation(step, np.array(values, np.float64), measured)
    return said


def test_an_overfitting_task_is_named_once() -> None:
    found = evaluate(BalanceWatch(NAMES), [[4 * 0.9**step, 2 * 1.03**step] for step in range(8)])
    assert [text.split(":")[0] for text in found] == ["task 'bad' overfits"]


def test_a_stalling_task_is_named_once() -> None:
    found = evaluate(BalanceWatch(NAMES), [[4 * 0.9**step, 2 * 0.999**step] for step in range(8)])
    assert [text.split(":")[0] for text in found] == ["task 'bad' stalls"]


def test_falling_losses_and_missing_ones_say_nothing() -> None:
    assert evaluate(BalanceWatch(NAMES), [[4 * 0.9**step, None] for step in range(8)]) == []
    assert evaluate(BalanceWatch(NAMES), [[4 * 0.9**step, 3 * 0.98**step] for step in range(8)]) == []


@pytest.mark.parametrize("lost", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_named_once_and_is_no_tasks_best(lost: float) -> None:
    watch = BalanceWatch(NAMES)
    found = evaluate(watch, [[4.0, lost], [3.0, 2.0], [2.0, lost], [1.0, lost]])
    assert [text.split(":")[0] for text in found] == ["task 'bad' has a validation loss that is not finite"]
    facts = watch.facts()["bad"]
    assert (facts["best"], facts["best_step"], facts["relative"]) == (2.0, 1, None)


def test_a_starved_task_is_named_after_long_enough() -> None:
    watch = BalanceWatch(NAMES)
    tokens = np.array([9, 1])
    said = [watch.after_step(np.array([0.995, 0.005]), tokens) for _ in range(LOW_WEIGHT_STEPS + 5)]
    assert [index for index, texts in enumerate(said) if texts] == [LOW_WEIGHT_STEPS - 1]
    assert "'bad'" in said[LOW_WEIGHT_STEPS - 1][0]
    assert watch.facts()["bad"]["share"] == pytest.approx(0.1)


def test_an_even_share_of_200_tasks_starves_nobody() -> None:
    watch = BalanceWatch(tuple(map(str, range(200))))
    even = np.full(200, 1 / 200)
    assert not any(watch.after_step(even, np.ones(200, np.int64)) for _ in range(LOW_WEIGHT_STEPS + 5))


def test_relative_convergence_and_best_step() -> None:
    watch = BalanceWatch(NAMES)
    evaluate(watch, [[4.0, 2.0], [2.0, 1.0], [1.0, 1.5]])
    facts = watch.facts()
    assert (facts["good"]["relative"], facts["good"]["best_step"]) == (0.25, 2)
    assert (facts["bad"]["relative"], facts["bad"]["best"], facts["bad"]["best_step"]) == (0.75, 1.0, 1)


def test_its_state_survives_json() -> None:
    losses = [[4 * 0.9**step, 2 * 1.03**step] for step in range(8)]
    first, second = BalanceWatch(NAMES), BalanceWatch(NAMES)
    evaluate(first, losses[:3])
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert [text.split(":")[0] for text in evaluate(second, losses[3:])] == ["task 'bad' overfits"]
