"""Trained parameters and an optimizer's state, out of one model and into another."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mft_core.training.state_tensors import (
    every_tensor,
    load_optimizer,
    load_trainable,
    optimizer_tensors,
    trainable_tensors,
)


def model(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    made = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    made[0].bias.requires_grad_(False)
    return made


def step(one: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> None:
    optimizer.zero_grad()
    one(torch.randn(5, 3, generator=torch.Generator().manual_seed(seed))).square().sum().backward()
    optimizer.step()


def test_another_model_goes_on_as_this_one() -> None:
    one, other = model(0), model(1)
    other[0].bias.data.copy_(one[0].bias)
    optimizers = [torch.optim.AdamW(each.parameters(), lr=0.1) for each in (one, other)]
    step(one, optimizers[0], 2)
    load_trainable(other, trainable_tensors(one))
    saved = {name: tensor.clone() for name, tensor in optimizer_tensors(one, optimizers[0]).items()}
    load_optimizer(other, optimizers[1], saved)
    for each, optimizer in zip((one, other), optimizers, strict=True):
        step(each, optimizer, 3)
    expected = trainable_tensors(one)
    assert expected.keys() == {"0.weight", "1.weight", "1.bias"}
    assert all(torch.equal(tensor, expected[name]) for name, tensor in trainable_tensors(other).items())


def test_a_rank_that_only_helps_gets_nothing() -> None:
    assert trainable_tensors(model(0), keep=False) == {}


def test_what_is_frozen_is_among_all_tensors_alone() -> None:
    trained = model(0)
    trained[0].requires_grad_(False)
    every = every_tensor(trained)
    assert every.keys() == dict(trained.named_parameters()).keys()
    assert trainable_tensors(trained).keys() < every.keys()
    assert every_tensor(trained, keep=False) == {}


def test_names_of_a_wrapper_do_not_count_and_others_are_refused() -> None:
    one = model(0)
    wrapped = nn.ModuleDict({"module": one})
    assert trainable_tensors(wrapped).keys() == trainable_tensors(one).keys()
    tensors = trainable_tensors(one)
    tensors["2.weight"] = tensors.pop("1.weight")
    with pytest.raises(ValueError, match=r"1\.weight.*2\.weight"):
        load_trainable(one, tensors)
