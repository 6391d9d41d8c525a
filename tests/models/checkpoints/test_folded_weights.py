"""A weight computed from a raw parameter: trained raw, saved folded."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import normalize

from mft_core.models.checkpoints.folded_weights import folded_tensors, train_raw


class UnitRows(nn.Module):
    """Rows of length 1."""

    def forward(self, raw: torch.Tensor) -> torch.Tensor:
        return normalize(raw)

    def right_inverse(self, weight: torch.Tensor) -> torch.Tensor:
        return weight


def two_layers() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2, bias=False)).double()


def test_the_raw_parameter_is_what_is_trained() -> None:
    model, raw = two_layers(), torch.tensor([[3.0, 4.0, 0.0, 0.0], [0.0, 0.0, 5.0, 12.0]], dtype=torch.float64)
    train_raw(model[1], "weight", UnitRows(), raw)
    states = torch.randn(5, 4, dtype=torch.float64)
    leaf = raw.clone().requires_grad_()
    (states @ normalize(leaf).T).square().sum().backward()
    model[1](states).square().sum().backward()
    (trained,) = model[1].parameters()
    assert torch.equal(trained, raw)
    torch.testing.assert_close(trained.grad, leaf.grad, rtol=1e-12, atol=0)


def test_tensors_have_the_names_and_values_of_a_plain_model() -> None:
    model, plain = two_layers(), two_layers()
    train_raw(model[1], "weight", UnitRows(), 7 * plain[1].weight.detach())
    found = folded_tensors(model)
    assert found.keys() == plain.state_dict().keys()
    torch.testing.assert_close(found["1.weight"], normalize(plain[1].weight.detach()), rtol=1e-12, atol=0)
    assert torch.equal(found["0.weight"], plain[0].weight)
    given = {name: 2 * tensor for name, tensor in model.state_dict().items()}
    assert torch.equal(folded_tensors(model, given)["0.bias"], 2 * plain[0].bias)
    assert folded_tensors(plain).keys() == plain.state_dict().keys()
