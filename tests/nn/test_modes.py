"""A model in evaluation mode for a while."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mft_core.nn.modes import evaluation_mode


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
