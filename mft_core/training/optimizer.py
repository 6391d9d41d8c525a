"""What takes the steps: what an optimizer's plugin implements."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from mft_core.errors import UsageError
from mft_core.registry.options import Configurable, SomeOptions

if TYPE_CHECKING:
    import torch
    from torch import nn

    from mft_core.recipe.schema import TrainSection

RATE_FACTOR = "rate_factor"
"""Key of an optimizer's parameter group: what the step's learning rate is multiplied with."""


@dataclass(frozen=True, slots=True)
class ParameterGroup:
    """Parameters that are treated alike.

    Attributes:
        parameters: at least one; as the optimizer has them, so DTensors where they are spread over processes.
        weight_decay: 0 for those of one dimension (norms, biases).
        rate_factor: what the learning rate of each step is multiplied with.
        vocabulary: whether these are the embeddings or the head.
    """

    parameters: list[nn.Parameter]
    weight_decay: float
    rate_factor: float
    vocabulary: bool

    def as_dict(self) -> dict[str, Any]:
        """As torch's optimizers take it."""
        return {"params": self.parameters, "weight_decay": self.weight_decay, RATE_FACTOR: self.rate_factor}


class Optimizer(Configurable[SomeOptions]):
    """Builds the `torch.optim.Optimizer` of a run, and says what it takes.

    The trainer sets the learning rate of every group before each step, clips the gradients, and writes checkpoints: the
    tensors and numbers in the optimizer's `state` of each parameter, and of each group what `group_state` names. With
    these put back into a new one, it has to go on bit by bit as if it had never been interrupted.
    """

    shards: ClassVar[bool] = False
    """Whether it takes parameters that `train.sharding` spreads over processes (DTensors)."""
    group_state: ClassVar[tuple[str, ...]] = ()
    """Keys of its parameter groups, of numbers, that its steps change."""

    @abstractmethod
    def build(self, groups: Sequence[ParameterGroup], rate: float) -> torch.optim.Optimizer:
        """A new optimizer.

        Args:
            groups: the trained parameters; `as_dict` is what torch's optimizers take. None is without parameters.
            rate: the recipe's learning rate.

        Raises:
            UsageError: it cannot train these.
        """

    def state_bytes(self, group: ParameterGroup) -> int:
        """What it keeps for the parameters of a group, in bytes, which `mft check` shows; here two of each."""
        return 2 * sum(parameter.nbytes for parameter in group.parameters)

    def check(self, settings: TrainSection) -> None:
        """Refuse settings of the recipe that it does not go with, before anything is loaded.

        Raises:
            UsageError: there is one.
        """
        if settings.sharding != "none" and not self.shards:
            raise UsageError(
                f"train.optimizer = {settings.optimizer.name!r} does not take weights that are spread over processes "
                f'(train.sharding = "{settings.sharding}").',
                'Use train.optimizer = "adamw", or train.sharding = "none" with a copy on each device.',
            )

    def to_measuring(self, optimizer: torch.optim.Optimizer) -> None:
        """Put the weights that are the result into the model; evaluations, checkpoints and callbacks see these."""

    def to_training(self, optimizer: torch.optim.Optimizer) -> None:
        """Put back, bit by bit, the weights that gradients are taken at; called after `to_measuring`, and after a
        checkpoint has been put back, which was written in between."""
