"""Single steps equal to what the papers write, or to a direct call of the library."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from mft_core.interfaces import Optimizer, ParameterGroup
from mft_optimizers.adafactor import Adafactor
from mft_optimizers.adamw import AdamW
from mft_optimizers.eight_bit import AdamW8Bit, Lion
from mft_optimizers.sgd import Sgd

RATE, DECAY = 0.01, 0.1


def steps(component: Optimizer, start: torch.Tensor, gradients: list[torch.Tensor]) -> torch.Tensor:
    """The parameter after one step along each gradient."""
    parameter = nn.Parameter(start.clone())
    optimizer = component.build([ParameterGroup([parameter], DECAY, 1.0, False)], RATE)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
    return parameter.detach()


@pytest.fixture
def course() -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(4, 96, 64, generator=generator)
    return {"start": draws[0], "gradients": list(draws[1:])}


def adamw(start: torch.Tensor, gradients: list[torch.Tensor]) -> torch.Tensor:
    """Algorithm 2 of arXiv 1711.05101."""
    weights, mean, square = start.double(), torch.zeros_like(start).double(), torch.zeros_like(start).double()
    for step, gradient in enumerate(gradients, 1):
        mean = 0.9 * mean + 0.1 * gradient.double()
        square = 0.95 * square + 0.05 * gradient.double() ** 2
        root = (square / (1 - 0.95**step)).sqrt() + 1e-8
        weights = weights - RATE * DECAY * weights - RATE * mean / (1 - 0.9**step) / root
    return weights


@pytest.mark.parametrize("component", [AdamW(), AdamW8Bit(AdamW8Bit.Options(bits=32))], ids=["torch", "bitsandbytes"])
def test_adamw_is_the_papers(component: Optimizer, course: dict[str, Any]) -> None:
    assert torch.allclose(steps(component, **course).double(), adamw(**course), atol=1e-6)


def test_eight_bits_stay_near_it(course: dict[str, Any]) -> None:
    found, expected = steps(AdamW8Bit(), **course).double(), adamw(**course)
    error = (found - expected).square().mean().sqrt() / (expected - course["start"]).square().mean().sqrt()
    assert 0 < error < 0.1


def test_lion_is_the_papers(course: dict[str, Any]) -> None:
    weights, mean = course["start"], torch.zeros_like(course["start"])
    for gradient in course["gradients"]:
        weights = weights - RATE * (torch.sign(0.9 * mean + 0.1 * gradient) + DECAY * weights)
        mean = 0.99 * mean + 0.01 * gradient
    assert torch.allclose(steps(Lion(), **course), weights, atol=1e-6)


def test_adafactors_second_moment_is_the_product_of_a_row_and_a_column(course: dict[str, Any]) -> None:
    start, gradient = course["start"], course["gradients"][0]
    square = gradient**2 + 1e-30
    product = square.mean(1, keepdim=True) * square.mean(0, keepdim=True) / square.mean()
    update = gradient / product.sqrt()
    update /= max(1.0, float(update.square().mean().sqrt()))
    expected = start - RATE * DECAY * start - RATE * update
    assert torch.allclose(steps(Adafactor(), start, [gradient]), expected, atol=1e-6)


def test_sgd_with_and_without_momentum(course: dict[str, Any]) -> None:
    weights = heavy = course["start"]
    velocity = torch.zeros_like(weights)
    for gradient in course["gradients"]:
        weights = weights - RATE * (gradient + DECAY * weights)
        velocity = 0.9 * velocity + gradient + DECAY * heavy
        heavy = heavy - RATE * velocity
    assert torch.allclose(steps(Sgd(), **course), weights, atol=1e-6)
    assert torch.allclose(steps(Sgd(Sgd.Options(momentum=0.9)), **course), heavy, atol=1e-6)
