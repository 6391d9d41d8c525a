"""Steps of one length along the sign of the gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from mft_core.interfaces import Optimizer, Options, ParameterGroup

if TYPE_CHECKING:
    import torch


class SignsOptions(Options):
    """Options of `Signs`."""

    momentum: float = Field(0.9, ge=0, lt=1, description="of the mean of the signs")


class Signs(Optimizer[SignsOptions]):
    """torch's SGD, given the signs of the gradients in place of themselves."""

    def build(self, groups: Sequence[ParameterGroup], rate: float) -> torch.optim.Optimizer:
        """torch's own, with what happens before each of its steps."""
        import torch

        optimizer = torch.optim.SGD([group.as_dict() for group in groups], lr=rate, momentum=self.options.momentum)
        optimizer.register_step_pre_hook(take_signs)
        return optimizer

    def state_bytes(self, group: ParameterGroup) -> int:
        """The mean."""
        return sum(parameter.nbytes for parameter in group.parameters)


def take_signs(optimizer: torch.optim.Optimizer, *_: object) -> None:
    """Put the sign of each number in its place."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None:
                parameter.grad.sign_()
