"""What every optimizer must do: learn, take the rates it is given, resume bit by bit, and know what it keeps."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
import torch
from torch import nn

from mft_core.recipe.choices import Choice
from mft_core.recipe.schema import TrainSection
from mft_core.testing.components import ComponentTests
from mft_core.testing.random_models import random_ids, random_token_loss_model
from mft_core.training.optimizer import Optimizer
from mft_core.training.parameter_groups import parameter_groups, set_rate
from mft_core.training.state_tensors import (
    load_optimizer,
    load_trainable,
    optimizer_numbers,
    optimizer_tensors,
    trainable_tensors,
)

RATE, STEPS = 3e-3, 5


class OptimizerTests(ComponentTests):
    """Inherit, and set `component`, and `schedule` where it takes only another than cosine."""

    component: ClassVar[type[Optimizer]]
    schedule: ClassVar[str] = "cosine"

    def settings(self, **more: Any) -> TrainSection:
        """[train] of a recipe that names it."""
        return TrainSection(
            **{"optimizer": Choice(name="mine"), "schedule": self.schedule, "weight_decay": 0.0, **more}
        )

    def built(self, model: nn.Module, **more: Any) -> tuple[Optimizer, torch.optim.Optimizer]:
        """The component, and what it built for the trained parameters of `model`."""
        component, settings = self.build(), self.settings(**more)
        return component, component.build(parameter_groups(model, settings), RATE)

    def test_it_lowers_a_loss(self) -> None:
        model = small_model()
        _, optimizer = self.built(model)
        losses = [take_step(model, optimizer) for _ in range(4 * STEPS)]
        assert losses[-1] < losses[0]

    def test_a_rate_of_zero_moves_nothing_and_each_group_has_its_own(self) -> None:
        model = small_model()
        _, optimizer = self.built(model, rate_factors={"q_proj": 1e-9})
        before = {name: tensor.clone() for name, tensor in trainable_tensors(model).items()}
        take_step(model, optimizer, rate=0.0)
        assert all(torch.equal(tensor, before[name]) for name, tensor in trainable_tensors(model).items())
        take_step(model, optimizer)
        moved = {name: float((tensor - before[name]).abs().max()) for name, tensor in trainable_tensors(model).items()}
        for name, distance in moved.items():
            assert distance < 1e-6 if "q_proj" in name else distance > 1e-6, name

    def test_it_goes_on_from_a_checkpoint_bit_by_bit(self) -> None:
        model = small_model()
        component, optimizer = self.built(model)
        for _ in range(STEPS):
            take_step(model, optimizer)
        component.to_measuring(optimizer)
        tensors = {"model": trainable_tensors(model), "optimizer": optimizer_tensors(model, optimizer)}
        saved = {part: {name: each.clone() for name, each in named.items()} for part, named in tensors.items()}
        numbers = json.loads(json.dumps(optimizer_numbers(model, optimizer, component.group_state)))
        component.to_training(optimizer)
        again = small_model(seed=1)
        other, resumed = self.built(again)
        load_trainable(again, saved["model"])
        load_optimizer(again, resumed, saved["optimizer"], numbers)
        other.to_training(resumed)
        for _ in range(STEPS):
            assert take_step(model, optimizer) == take_step(again, resumed)
        same_weights(model, again)

    def test_to_look_at_the_result_changes_no_step(self) -> None:
        model, watched = small_model(), small_model()
        (_, optimizer), (component, looked) = self.built(model), self.built(watched)
        for _ in range(STEPS):
            component.to_measuring(looked)
            component.to_training(looked)
            assert take_step(model, optimizer) == take_step(watched, looked)
        same_weights(model, watched)

    def test_it_knows_what_it_keeps(self) -> None:
        model = small_model()
        component, optimizer = self.built(model)
        take_step(model, optimizer)
        tensors = [each for state in optimizer.state.values() for each in state.values() if torch.is_tensor(each)]
        # A table that all parameters share is no state of theirs; counts of steps are next to nothing.
        owned = [each for each in tensors if sum(each.data_ptr() == other.data_ptr() for other in tensors) == 1]
        kept = sum(each.nbytes for each in owned if each.numel() > 1)
        expected = sum(map(component.state_bytes, parameter_groups(model, self.settings())))
        assert expected == pytest.approx(kept, rel=0.01)

    def test_it_says_what_it_does_not_go_with_before_anything_is_loaded(self) -> None:
        component = self.build()
        component.check(self.settings())
        if not component.shards:
            for kind in ("full", "hybrid"):
                with pytest.raises(Exception, match=f'train.sharding = "{kind}"'):
                    component.check(self.settings(sharding=kind))


def small_model(seed: int = 0) -> nn.Module:
    """A float32 model in evaluation mode, its random weights others for another seed."""
    model = random_token_loss_model().float()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model


def same_weights(model: nn.Module, other: nn.Module) -> None:
    """Bit by bit."""
    others = trainable_tensors(other)
    for name, tensor in trainable_tensors(model).items():
        assert torch.equal(tensor, others[name]), name


def take_step(model: Any, optimizer: torch.optim.Optimizer, rate: float = RATE) -> float:
    """One step on the same few tokens; the loss before it."""
    ids = random_ids(4, 16)
    loss = model.model(input_ids=ids, labels=ids, use_cache=False).loss
    loss.backward()
    set_rate(optimizer, rate)
    optimizer.step()
    optimizer.zero_grad()
    return float(loss.detach())
