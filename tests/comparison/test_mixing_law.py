"""The mixing law: what was planted is found, and what it has not seen it is held to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mft_core.comparison.mixing_law import MixingLaw, fit_law, fit_laws, predict, unseen_errors
from mft_core.comparison.small_runs import MixOptions, changed_amounts

PLANTED = [
    MixingLaw(1.0, 0.5, 0.8, 0.3, 1.0, 1e4),
    MixingLaw(0.5, 0.0, 1.0, 0.6, 0.2, 1e4),
    MixingLaw(2.0, 0.1, 0.5, 0.15, 0.0, 1e4),
]
NATURAL = np.array([6000.0, 3000.0, 1000.0])


def tried(noise: float = 0.0, runs: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Amounts and losses, float64 [M, 3], of the small runs that the arm makes by itself."""
    amounts = changed_amounts(3, MixOptions(runs=runs)) * NATURAL
    return amounts, predict(PLANTED, amounts) + noise * np.random.default_rng(0).standard_normal(amounts.shape)


def test_the_law_is_the_formula() -> None:
    law = MixingLaw(2.0, 0.5, 0.5, 1.0, 0.25, 10.0)
    assert law.losses(np.array([10.0]), np.array([40.0])).tolist() == [2.0 / (1 + 0.5 * 2) + 0.25]


@pytest.mark.parametrize("law", PLANTED)
def test_slopes_are_the_change_of_the_loss_with_a_token_that_changes_hands(law) -> None:
    own, others = np.array([500.0, 3000.0, 9000.0]), np.array([9500.0, 7000.0, 1000.0])
    step = 1e-3
    differences = law.losses(own + step, others - step) - law.losses(own - step, others + step)
    assert law.slopes(own, others) == pytest.approx(differences / (2 * step), rel=1e-5)


def test_the_loss_is_convex_in_the_share_of_a_budget() -> None:
    shares = np.linspace(0.01, 0.99, 99)
    for law in PLANTED:
        losses = law.losses(1e4 * shares, 1e4 * (1 - shares))
        assert (np.diff(losses, 2) >= -1e-12).all()


def test_a_planted_law_without_noise_is_found_again_beyond_what_was_tried() -> None:
    amounts, losses = tried()
    laws = fit_laws(amounts, losses)
    beyond = np.array([[30_000.0, 1_000.0, 9_000.0], [4_000.0, 20_000.0, 400.0]])
    assert predict(laws, beyond) == pytest.approx(predict(PLANTED, beyond), abs=0.02)
    assert predict(laws, amounts) == pytest.approx(losses, abs=1e-3)
    assert np.abs(unseen_errors(amounts, losses)).max() < 0.1


def test_noise_shows_in_the_error_on_unseen_runs() -> None:
    errors = [np.sqrt((unseen_errors(*tried(noise)) ** 2).mean()) for noise in (0.0, 0.02, 0.2)]
    assert errors == sorted(errors)
    assert errors[1] > 0.015
    assert errors[2] > 0.15


def test_the_same_runs_give_the_same_law_bit_by_bit() -> None:
    assert fit_laws(*tried(0.05)) == fit_laws(*tried(0.05))


@pytest.mark.parametrize(("runs", "fixed"), [(5, {"exponent": 1.0, "floor": 0.0}), (6, {"exponent": 1.0})])
def test_few_runs_have_fewer_parameters(runs, fixed) -> None:
    for law in fit_laws(*tried(0.01, runs)):
        assert {name: getattr(law, name) for name in fixed} == fixed


def test_losses_that_do_not_move_are_a_law_too() -> None:
    own, others = tried()[0][:, 0], tried()[0][:, 1:].sum(axis=1)
    law = fit_law(own, others, np.full(len(own), 1.5), spare=2, starts=5)
    assert law.losses(np.array([1.0, 1e6]), np.array([1e6, 1.0])) == pytest.approx([1.5, 1.5], abs=1e-3)


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e9])
def test_the_unit_of_amounts_changes_nothing(factor) -> None:
    amounts, losses = tried(0.01)
    found = predict(fit_laws(amounts * factor, losses), amounts * factor)
    assert found == pytest.approx(predict(fit_laws(amounts, losses), amounts), abs=1e-5)


def test_tasks_of_very_different_size_stay_finite() -> None:
    natural = np.array([1e9, 1e3, 1.0])
    amounts = changed_amounts(3, MixOptions()) * natural
    laws = [replace(law, unit=1e9) for law in PLANTED]
    losses = predict(laws, amounts) + 0.01 * np.random.default_rng(1).standard_normal(amounts.shape)
    found = fit_laws(amounts, losses)
    assert np.isfinite(predict(found, amounts)).all()
    assert np.isfinite(unseen_errors(amounts, losses)).all()
