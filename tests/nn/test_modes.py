"""A model without dropout for a while, with gradients or without."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

from mft_core.nn.modes import evaluation_mode, gradients_without_dropout
from mft_core.testing.tuned_models import tuned_model


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_as_before_even_after_an_error(training: bool) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.9)).train(training)
    states = torch.ones(2, 4)
    with evaluation_mode(model):
        assert torch.equal(model(states), model(states)), "dropout is at work"
        assert not model(states).requires_grad
    assert model(states).requires_grad
    with pytest.raises(RuntimeError, match="no luck"), evaluation_mode(model):
        raise RuntimeError("no luck")
    assert {module.training for module in model.modules()} == {training}
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("recomputes", [False, True])
def test_gradients_without_dropout_are_those_of_the_model_itself_and_activations_are_recomputed(recomputes) -> None:
    config = GPT2Config(vocab_size=20, n_embd=8, n_layer=2, n_head=2, n_positions=8)
    model = tuned_model(GPT2LMHeadModel(config), method="full", gradient_checkpointing=recomputes)
    ids = torch.arange(6)[None]
    model.eval()
    model(ids, labels=ids, use_cache=False).loss.backward()
    expected = [parameter.grad for parameter in model.parameters()]
    model.zero_grad(set_to_none=True)
    model.train()
    calls = []
    model.transformer.h[0].ln_1.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad(), gradients_without_dropout(model):
        model(ids, labels=ids, use_cache=False).loss.backward()
    assert len(calls) == (2 if recomputes else 1)
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        assert torch.allclose(parameter.grad, gradient, rtol=1e-4, atol=1e-7)
    assert {module.training for module in model.modules()} == {True}
