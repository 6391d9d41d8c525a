"""Trial steps against steps taken by hand, and what they leave behind."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mft_core.nn.token_losses import TokenLossModel
from mft_core.testing.contexts import AllTogether, evaluation_context
from mft_core.testing.random_models import random_token_loss_model
from mft_core.testing.samples import random_table
from mft_core.training.gradient_probe import mean_loss_backward
from mft_core.training.look_ahead import TrialSteps, copied, distance

NAMES = ("task0", "task1", "task2")
SAMPLES = np.array([0, 1, 4, 5, 7, 8])
LENGTH = 0.05


@pytest.fixture
def model() -> TokenLossModel:
    return random_token_loss_model()


def sgd(model: TokenLossModel) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.1)


def adam_with_state(model: TokenLossModel) -> torch.optim.Optimizer:
    """After one step along some gradient."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
    optimizer.step()
    optimizer.zero_grad()
    return optimizer


def by_hand(model: TokenLossModel, optimizer: torch.optim.Optimizer, context) -> np.ndarray:
    """1 - L(theta - step) / L(theta), theta moved in one vector and put back."""
    parameters = list(model.parameters())
    start = torch.nn.utils.parameters_to_vector(parameters).detach().clone()
    gradient = torch.cat([parameter.grad.flatten() for parameter in parameters])
    if optimizer.state:
        squares = torch.cat([optimizer.state[parameter]["exp_avg_sq"].flatten() for parameter in parameters])
        gradient = gradient / (squares.sqrt() + 1e-8)
    before = context.losses(SAMPLES).mean()
    torch.nn.utils.vector_to_parameters(start - LENGTH * gradient / gradient.norm(), parameters)
    after = context.losses(SAMPLES).mean()
    torch.nn.utils.vector_to_parameters(start, parameters)
    return 1 - after / before


@pytest.mark.parametrize("make", [sgd, adam_with_state])
def test_a_gain_is_that_of_a_step_taken_by_hand(model, make) -> None:
    optimizer = make(model)
    context = evaluation_context(model, random_table([4, 3, 2], seed=1), NAMES, AllTogether())
    trial = TrialSteps(context, SAMPLES, "tokens", optimizer, LENGTH)
    mean_loss_backward(context, np.array([0, 1]), "tokens")
    found = trial.gain()
    assert found == pytest.approx(by_hand(model, optimizer, context), abs=1e-12)
    assert found[0] > 0
    assert np.abs(found).min() > 1e-6


def test_parameters_gradients_and_mode_are_what_they_were_bit_by_bit(model) -> None:
    model.train()
    context = evaluation_context(model, random_table([4, 3, 2], seed=1), NAMES)
    trial = TrialSteps(context, SAMPLES, "tokens", sgd(model), LENGTH)
    mean_loss_backward(context, np.array([0, 1]), "tokens")
    before = [(parameter.detach().clone(), parameter.grad.clone()) for parameter in model.parameters()]
    trial.gain()
    for parameter, (value, gradient) in zip(model.parameters(), before, strict=True):
        assert torch.equal(parameter, value)
        assert torch.equal(parameter.grad, gradient)
    assert all(module.training for module in model.modules())


def test_they_are_put_back_where_a_forward_fails(model, monkeypatch) -> None:
    context = evaluation_context(model, random_table([4, 3, 2], seed=1), NAMES)
    trial = TrialSteps(context, SAMPLES, "tokens", sgd(model), LENGTH)
    mean_loss_backward(context, np.array([0, 1]), "tokens")
    before = copied(model)
    monkeypatch.setattr(trial, "_losses", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        trial.gain()
    assert distance(model, before, context.accelerator) == 0


def test_nothing_is_known_along_no_gradient_or_one_that_is_not_finite(model) -> None:
    context = evaluation_context(model, random_table([4, 3, 2], seed=1), NAMES)
    trial = TrialSteps(context, SAMPLES, "tokens", sgd(model), LENGTH)
    assert np.isnan(trial.gain()).all()
    mean_loss_backward(context, np.array([0, 1]), "tokens")
    next(model.parameters()).grad[0, 0] = float("inf")
    assert np.isnan(trial.gain()).all()


def test_distances_are_over_all_parameters(model) -> None:
    context = evaluation_context(model, random_table([1]), ("only",))
    before = copied(model)
    with torch.no_grad():
        for number, parameter in enumerate(list(model.parameters())[:2]):
            parameter.view(-1)[0] += 3 + number
    assert distance(model, before, context.accelerator) == pytest.approx(5, rel=1e-12)
