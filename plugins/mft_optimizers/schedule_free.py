"""Schedule-free AdamW (arXiv 2405.15682): the result is a mean of the weights along the way, at one learning rate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from mft_core.errors import UsageError
from mft_core.interfaces import Optimizer, Options, ParameterGroup
from mft_optimizers.adamw import Beta

if TYPE_CHECKING:
    import torch

    from mft_core.recipe.schema import TrainSection

AT_GRADIENTS = "at_gradients"
"""State of a parameter while the mean is in the model: what it was before, which gradients are taken at."""


class ScheduleFreeOptions(Options):
    """Options of schedule-free."""

    betas: tuple[Beta, Beta] = Field((0.9, 0.95), description="of the mean, and of the running mean of squares")
    eps: float = Field(1e-8, gt=0, description="added to the root of the mean square")
    warmup_steps: int = Field(0, ge=0, description="steps with rising learning rate")


class ScheduleFree(Optimizer[ScheduleFreeOptions]):
    """schedulefree's; its means are what is measured, saved and chosen."""

    group_state = ("k", "weight_sum", "lr_max", "train_mode")

    def build(self, groups: Sequence[ParameterGroup], rate: float) -> torch.optim.Optimizer:
        """schedulefree's own, ready to train."""
        from schedulefree import AdamWScheduleFree

        optimizer = AdamWScheduleFree([group.as_dict() for group in groups], lr=rate, **self.options.model_dump())
        optimizer.train()
        return optimizer

    def check(self, settings: TrainSection) -> None:
        """A schedule would lower the rate a second time."""
        super().check(settings)
        if settings.schedule != "constant":
            raise UsageError(
                f'train.optimizer = "schedule-free" takes the place of train.schedule = {settings.schedule!r}.',
                'Set train.schedule = "constant"; its warm-up is the optimizer\'s own option warmup_steps.',
            )

    def to_measuring(self, optimizer: Any) -> None:
        """The means into the model."""
        for parameter, state in _started(optimizer):
            state[AT_GRADIENTS] = parameter.detach().clone()
        optimizer.eval()

    def to_training(self, optimizer: Any) -> None:
        """What was there before; computed back it would differ by rounding."""
        optimizer.train()
        for parameter, state in _started(optimizer):
            if AT_GRADIENTS in state:
                parameter.data.copy_(state.pop(AT_GRADIENTS))


def _started(optimizer: Any) -> Iterator[tuple[torch.Tensor, dict[str, Any]]]:
    """The parameters that have taken a step, with their states."""
    return ((parameter, state) for parameter, state in optimizer.state.items() if "z" in state)
