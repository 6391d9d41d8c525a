"""How tokens and samples count inside a task: the focal losses against their definitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from helpers.focal_equations import EQUATIONS, counts_of, equation_2, equation_3, losses_of, made_up, started
from mft_core.errors import UsageError
from mft_core.interfaces import Loss, LossOptions
from mft_core.records import StepCounts, TaskCounts, TokenLosses
from mft_losses.balanced import Balanced

GAMMAS = [0.0, 0.5, 1.0, 2.0, 5.0]


def focal(tasks: int, weights: np.ndarray, options: dict) -> Loss:
    """A loss with these weights and this form of L_i."""

    class Fixed(Loss):
        def task_weights(self) -> np.ndarray:
            return weights

    names = tuple(f"task{index}" for index in range(tasks))
    ones = np.ones(tasks, np.int64)
    return started(Fixed(LossOptions(**options)), TaskCounts(names, ones, ones, np.ones(tasks)))


@pytest.mark.parametrize("within", ["focal-sample", "focal-task"])
@pytest.mark.parametrize("gamma", GAMMAS)
def test_one_token_is_the_focal_loss_of_its_paper(within, gamma) -> None:
    # Lin et al. 2017: FL = -alpha (1 - p)^gamma log p, dFL/dx_target = alpha (1 - p)^gamma (gamma p log p + p - 1).
    for logit in (-4.0, -0.5, 0.0, 1.0, 5.0):
        logits = torch.tensor([[logit, 0.3, -0.2]], dtype=torch.float64, requires_grad=True)
        p = float(torch.softmax(logits.detach(), -1)[0, 0])
        zero, one = torch.zeros(1, dtype=torch.int64), torch.ones(1, dtype=torch.int64)
        tokens = TokenLosses(cross_entropy(logits, zero, reduction="none"), zero, zero, one)
        loss = focal(1, np.ones(1), {"within": within, "gamma": gamma, "alpha": 0.25})
        step = StepCounts(np.ones(1), np.ones(1), 1, losses_of(tokens, 1))
        value = loss.objective(tokens, np.ones(1), step)
        value.backward()
        expected = 0.25 * (1 - p) ** gamma * (gamma * p * np.log(p) + p - 1)
        assert float(logits.grad[0, 0]) == pytest.approx(expected, rel=1e-9)
        if within == "focal-sample":
            assert value.item() == pytest.approx(-0.25 * (1 - p) ** gamma * np.log(p), rel=1e-12)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_gradcheck_of_equation_2(gamma) -> None:
    tokens = made_up()
    counts = counts_of(tokens)
    loss = started(Balanced(LossOptions(within="focal-sample", gamma=gamma, alpha={"task1": 3.0})), counts)
    step = StepCounts(counts.samples, counts.tokens, 1)

    def objective(values: torch.Tensor) -> torch.Tensor:
        part = TokenLosses(values, tokens.task, tokens.sample, tokens.sample_tokens)
        return loss.objective(part, loss.task_weights(), step)

    expected = sum(equation_2(tokens, 3, gamma, [1.0, 3.0, 1.0])) / 3
    assert float(objective(tokens.cross_entropy)) == pytest.approx(float(expected), rel=1e-12)
    assert torch.autograd.gradcheck(objective, tokens.cross_entropy.clone().requires_grad_())


@pytest.mark.parametrize("gamma", GAMMAS)
def test_gradcheck_of_equation_3_with_the_gradient_of_its_surrogate(gamma) -> None:
    tokens = made_up()
    counts = counts_of(tokens)
    loss = started(Balanced(LossOptions(within="focal-task", gamma=gamma, alpha={"task1": 3.0})), counts)

    class Equation3(torch.autograd.Function):
        """The nested formula forward, the surrogate's gradient backward: gradcheck compares the two."""

        @staticmethod
        def forward(context, values: torch.Tensor) -> torch.Tensor:
            context.save_for_backward(values)
            part = TokenLosses(values, tokens.task, tokens.sample, tokens.sample_tokens)
            return sum(equation_3(part, 3, gamma, [1.0, 3.0, 1.0])) / 3

        @staticmethod
        def backward(context, *gradients: torch.Tensor) -> torch.Tensor:
            (values,) = context.saved_tensors
            with torch.enable_grad():
                leaf = values.detach().requires_grad_()
                part = TokenLosses(leaf, tokens.task, tokens.sample, tokens.sample_tokens)
                step = StepCounts(counts.samples, counts.tokens, 1, losses_of(part, 3))
                objective = loss.objective(part, loss.task_weights(), step)
                return torch.autograd.grad(objective, leaf)[0] * gradients[0]

    assert torch.autograd.gradcheck(Equation3.apply, tokens.cross_entropy.clone().requires_grad_())


@pytest.mark.parametrize("within", ["focal-sample", "focal-task"])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_a_task_that_is_perfectly_known_has_a_finite_gradient(within, gamma) -> None:
    tokens = made_up()
    tokens.cross_entropy = torch.zeros_like(tokens.cross_entropy).requires_grad_()
    counts = counts_of(tokens)
    loss = started(Balanced(LossOptions(within=within, gamma=gamma)), counts)
    step = StepCounts(counts.samples, counts.tokens, 1, losses_of(tokens, 3))
    loss.objective(tokens, loss.task_weights(), step).backward()
    assert torch.isfinite(tokens.cross_entropy.grad).all()


@pytest.mark.parametrize("within", ["focal-sample", "focal-task"])
def test_it_decreases_in_gamma_and_leans_to_what_is_hard(within) -> None:
    values, ratios = [], []
    for gamma in GAMMAS:
        tokens = made_up(sizes=((2, 2), (2, 2)))
        tokens.cross_entropy = torch.where(tokens.task == 0, 0.1, 2.5).double().requires_grad_()
        counts = counts_of(tokens)
        loss = started(Balanced(LossOptions(within=within, gamma=gamma)), counts)
        step = StepCounts(counts.samples, counts.tokens, 1, losses_of(tokens, 2))
        loss.objective(tokens, loss.task_weights(), step).backward()
        easy, hard = (float(tokens.cross_entropy.grad[tokens.task == task].abs().sum()) for task in (0, 1))
        ratios.append(hard / easy)
        values.append(sum(EQUATIONS[within](tokens, 2, gamma, [1.0, 1.0])).item())
    assert ratios[0] == pytest.approx(1)
    assert all(later > earlier for earlier, later in itertools.pairwise(ratios)), ratios
    assert all(later < earlier for earlier, later in itertools.pairwise(values)), values


@pytest.mark.parametrize("within", ["focal-sample", "focal-task"])
def test_alpha_scales_the_tasks_it_names(within) -> None:
    tokens = made_up()
    counts = counts_of(tokens)
    step = StepCounts(counts.samples, counts.tokens, 1, losses_of(tokens, 3))
    plain, named, every = (
        started(Balanced(LossOptions(within=within, alpha=alpha)), counts).within.contributions(tokens, step).numpy()
        for alpha in (1.0, {"task1": 0.25, "task2": 4.0}, 2.0)
    )
    assert np.allclose(named, plain * [1.0, 0.25, 4.0], rtol=1e-12)
    assert np.allclose(every, plain * 2, rtol=1e-12)


@pytest.mark.parametrize("within", ["focal-sample", "focal-task"])
def test_alpha_for_a_task_there_is_not_names_the_nearest(within) -> None:
    with pytest.raises(UsageError, match="'taks1'") as caught:
        started(Balanced(LossOptions(within=within, alpha={"taks1": 2.0})), counts_of(made_up()))
    assert "task1" in str(caught.value.hint)


def test_alpha_finds_a_task_in_either_form_of_its_name() -> None:
    assert LossOptions(alpha={"cafe\u0301": 2.0}).alpha == {"caf\u00e9": 2.0}
