"""Tasks that overfit, stall or starve are named, once, and only they."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from mft_core.training.balance import LOW_WEIGHT_STEPS, BalanceWatch

NAMES = ("good", "bad")


def evaluate(
    watch: BalanceWatch, losses: Sequence[Sequence[float | None]], steps: int = 20, trained: Sequence[int] | None = None
) -> list[str]:
    """What is said over evaluations of the tasks, `steps` apart; None: a task without validation data.

    Args:
        trained: supervised tokens of each task in every step; None: some of each.
    """
    tasks = len(losses[0])
    said: list[str] = []
    for number, values in enumerate(losses):
        tokens = np.ones(tasks, np.int64) if trained is None else np.array(trained)
        for _ in range(steps):
            said += [text for _, _, text in watch.after_step(np.full(tasks, 1 / tasks), tokens)]
        measured = np.array([value is not None for value in values])
        found = watch.after_evaluation(number, np.array(values, np.float64), measured)
        said += [text for _, _, text in found]
    return said


def test_an_overfitting_task_is_named_once() -> None:
    found = evaluate(BalanceWatch(NAMES), [[4 * 0.9**step, 2 * 1.03**step] for step in range(8)])
    assert [text.split(":")[0] for text in found] == ["task 'bad' overfits"]


def test_a_stalling_task_is_named_once() -> None:
    found = evaluate(BalanceWatch(NAMES), [[4 * 0.9**step, 2 * 0.999**step] for step in range(8)])
    assert [text.split(":")[0] for text in found] == ["task 'bad' stalls"]


def test_a_stall_counts_steps_that_trained_the_task_not_evaluations() -> None:
    flat = [[4 * 0.9**step, 2.0] for step in range(12)]
    assert evaluate(BalanceWatch(NAMES), flat, steps=1) == [], "twelve evaluations in twelve steps"
    assert evaluate(BalanceWatch(NAMES), flat, steps=100, trained=(9, 0)) == [], "it had no turn yet"
    assert len(evaluate(BalanceWatch(NAMES), flat, steps=10)) == 1
    assert evaluate(BalanceWatch(NAMES), flat[:3], steps=100) == [], "two evaluations after the first are too few"


def test_a_loss_that_moves_to_and_fro_stalls_although_it_reaches_new_lows() -> None:
    to_and_fro = [[4 * 0.9**step, 2 + 0.06 * (-1) ** step - 0.001 * step] for step in range(12)]
    assert [text.split(":")[0] for text in evaluate(BalanceWatch(NAMES), to_and_fro)] == ["task 'bad' stalls"]


def test_a_loss_that_falls_fast_and_then_slower_does_not_stall() -> None:
    slower = [[4 * 0.9**step, 1 + 3 / (1 + step)] for step in range(10)]
    assert evaluate(BalanceWatch(NAMES), slower, steps=100) == []


def test_many_tasks_are_one_warning_the_worst_first() -> None:
    names = tuple(f"t{index:03d}" for index in range(300))
    watch = BalanceWatch(names)
    rising = [[2 * (1.03 + 0.0001 * index) ** step for index in range(300)] for step in range(6)]
    (text,) = [text for text in evaluate(watch, rising) if "overfit" in text]
    assert text.startswith("300 tasks overfit: ")
    assert text.endswith("the worst first: 't299', 't298', 't297', 't296', 't295' and 295 more tasks")


def test_tasks_that_starve_one_by_one_are_told_in_few_warnings_and_all_of_them() -> None:
    names = tuple(map(str, range(300)))
    watch, said = BalanceWatch(names), []
    for step in range(300 + LOW_WEIGHT_STEPS):
        weights = np.where(np.arange(300) <= step, 0.0, 1 / 300)
        said += watch.after_step(weights, np.ones(300, np.int64))
    said += watch.after_evaluation(1, np.ones(300), np.ones(300, bool))
    assert 2 < len(said) < 12
    assert sorted(int(name) for warning in said for name in warning.tasks) == list(range(300))


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
    assert said[LOW_WEIGHT_STEPS - 1][0].tasks == ("bad",)
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


def test_a_state_from_before_stalls_were_told_from_noise_goes_on() -> None:
    older = {
        "losses": [[4.0, 2.0], [3.0, 2.0], [3.0, 2.2]],
        "counts": [[6, 0], [0, 2], [1, 0], [0, 3], [70, 30]],
        "said": ["starved bad"],
    }
    watch = BalanceWatch(NAMES)
    watch.load_state_dict(older)
    (warning,) = watch.after_evaluation(8, np.array([2.9, 2.3]), np.ones(2, bool))
    assert (warning.kind, warning.tasks) == ("overfits", ("bad",))
    assert [facts["share"] for facts in watch.facts().values()] == [0.7, 0.3]


def test_its_state_survives_json() -> None:
    losses = [[4 * 0.9**step, 2 * 1.03**step] for step in range(8)]
    first, second = BalanceWatch(NAMES), BalanceWatch(NAMES)
    evaluate(first, losses[:3])
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert [text.split(":")[0] for text in evaluate(second, losses[3:])] == ["task 'bad' overfits"]


def test_of_tasks_that_were_left_out_only_that_they_are_lost_is_said() -> None:
    watch = BalanceWatch(("a", "b"))
    watch.left = frozenset(("a",))
    said = [warning for _ in range(60) for warning in watch.after_step(np.array([0.0, 1.0]), np.array([5, 5]))]
    for step, loss in enumerate((1.0, 2.0, 2.0, 2.0, np.nan)):
        said += watch.after_evaluation(step, np.array([loss, 1.0 - 0.1 * step]), np.ones(2, bool))
    assert [(warning.kind, warning.tasks) for warning in said] == [("lost", ("a",))]
