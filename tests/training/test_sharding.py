"""Whole tensors out of a model and into it; tests/end_to_end/test_ranks.py shards over real processes."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from torch import nn

from mft_core.testing.random_models import random_token_loss_model
from mft_core.training.sharding import decoder_layers, is_sharded, own_copy, own_parameters, placed_like, whole


def test_layers_are_those_transformers_keeps_whole() -> None:
    model = random_token_loss_model()
    assert decoder_layers(model) == list(model.model.model.layers)
    assert decoder_layers(nn.Linear(2, 2)) == []


def test_on_one_process_nothing_is_sharded_and_tensors_are_themselves() -> None:
    model = random_token_loss_model()
    assert not is_sharded(model)
    assert own_copy(model, Accelerator(cpu=True)) == (0, 1)
    assert dict(own_parameters(model)) == dict(model.named_parameters())
    tensor = torch.ones(3)
    assert whole(tensor) is tensor
    assert torch.equal(placed_like(tensor, torch.zeros(3)), tensor)
    assert placed_like(tensor, torch.zeros(3, device="meta")).device.type == "meta"
