"""Running statistics."""

from __future__ import annotations

import json

import torch

from helpers.focal_equations import counts_of, losses_of, made_up, started
from mft_core.interfaces import Loss, LossOptions
from mft_core.records import StepCounts, TaskLosses, TokenLosses
from mft_core.testing.losses import relative_error
from mft_losses.balanced import Balanced
from mft_losses.famo_train import FamoTrain


def gradient_of(loss: Loss, tokens: TokenLosses, losses: TaskLosses | None) -> torch.Tensor:
    leaf = tokens.cross_entropy.clone().requires_grad_()
    counts = loss.counts
    part = TokenLosses(leaf, tokens.task, tokens.sample, tokens.sample_tokens)
    step = StepCounts(counts.samples, counts.tokens, 1, losses)
    return torch.autograd.grad(loss.objective(part, loss.task_weights(), step), leaf)[0]


def test_running_statistics_cost_no_forward_and_converge_to_the_exact_ones() -> None:
    tokens = made_up()
    counts, measured = counts_of(tokens), losses_of(tokens, 3)
    exact, running, plain = (
        started(Balanced(LossOptions(**options)), counts)
        for options in (
            {"within": "focal-task"}, {"within": "focal-task", "statistics": "running"}, {"by": "samples"},
        )
    )  # fmt: skip
    assert exact.within.measures_step_first
    assert not running.within.measures_step_first
    expected = gradient_of(exact, tokens, measured)
    unknown = gradient_of(running, tokens, None)
    assert torch.allclose(unknown, gradient_of(plain, tokens, None), rtol=1e-12), "nothing is known yet"
    other = losses_of(made_up(seed=1), 3)
    running.within.end_step(other)
    errors = []
    for _ in range(60):
        errors.append(relative_error(gradient_of(running, tokens, None), expected))
        running.within.end_step(measured)
    assert errors[0] > 1e-2
    assert errors[-1] < errors[0] * 0.9**50
    assert relative_error(expected, unknown) > 0.1


def test_running_statistics_are_used_even_where_the_step_is_measured_for_the_balancer() -> None:
    tokens = made_up()
    running = started(FamoTrain(FamoTrain.Options(within="focal-task", statistics="running")), counts_of(tokens))
    found, expected = (gradient_of(running, tokens, losses) for losses in (losses_of(tokens, 3), None))
    assert torch.equal(found, expected)


def test_running_statistics_survive_json_bit_by_bit() -> None:
    tokens = made_up()
    options = LossOptions(within="focal-task", statistics="running")
    one, other = (started(Balanced(options), counts_of(tokens)) for _ in range(2))
    seen = losses_of(made_up(seed=1), 3)
    seen.samples[2] = 0  # not in the step
    one.within.end_step(seen)
    other.within.load_state_dict(json.loads(json.dumps(one.within.state_dict(), allow_nan=False)))
    assert torch.equal(gradient_of(one, tokens, None), gradient_of(other, tokens, None))
    assert other.within.state_dict() == one.within.state_dict()
