"""Which parameters are treated alike, and the rate of each group."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mft_core.errors import UsageError
from mft_core.recipe.schema import TrainSection
from mft_core.testing.random_models import random_token_loss_model
from mft_core.testing.tuned_models import tuned_model
from mft_core.training.parameter_groups import parameter_groups, rate_of, set_rate


def test_only_matrices_decay_and_only_what_is_trained_is_there() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2), nn.Linear(2, 2))
    model[2].requires_grad_(False)
    groups = parameter_groups(model, TrainSection(weight_decay=0.5))
    decay = {id(parameter): group.weight_decay for group in groups for parameter in group.parameters}
    assert decay == {
        id(model[0].weight): 0.5, id(model[0].bias): 0.0, id(model[1].weight): 0.0, id(model[1].bias): 0.0,
    }  # fmt: skip


def test_embeddings_and_head_are_known() -> None:
    model = random_token_loss_model()
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = parameter_groups(model, TrainSection())
    found = {names[id(each)] for group in groups if group.vocabulary for each in group.parameters}
    assert found == {"model.model.embed_tokens.weight", "model.lm_head.weight"}
    assert sum(len(group.parameters) for group in groups) == len(names)


def test_loras_b_can_have_a_rate_of_its_own() -> None:
    model = tuned_model(random_token_loss_model().model, rank=2, alpha=4)
    groups = parameter_groups(model, TrainSection(rate_factors={"lora_B": 16.0}))
    assert {group.rate_factor for group in groups} == {1.0, 16.0}
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for group in groups:
        assert all(("lora_B" in names[id(each)]) == (group.rate_factor == 16.0) for each in group.parameters)
    optimizer = torch.optim.SGD([group.as_dict() for group in groups], lr=1.0)
    set_rate(optimizer, 0.5)
    assert sorted({group["lr"] for group in optimizer.param_groups}) == [0.5, 8.0]
    assert rate_of(optimizer) == 0.5


def test_the_first_part_that_fits_decides() -> None:
    model = nn.Sequential(nn.Linear(3, 2))
    (weight, bias) = parameter_groups(model, TrainSection(rate_factors={"weight": 2.0, "0.": 3.0}))
    assert (weight.rate_factor, bias.rate_factor) == (2.0, 3.0)


def test_a_part_of_no_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"rate_factors: no trained parameter has 'lora_B'") as caught:
        parameter_groups(nn.Sequential(nn.Linear(3, 2)), TrainSection(rate_factors={"lora_B": 16.0}))
    assert "0.weight" in str(caught.value.hint)
