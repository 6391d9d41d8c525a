"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from mft_core.interfaces import Optimizer, Options, ParameterGroup

if TYPE_CHECKING:
    import torch


class SgdOptions(Options):
    """Options of sgd."""

    momentum: float = Field(0.0, ge=0, lt=1, description="0: plain steps along the gradient")


class Sgd(Optimizer[SgdOptions]):
    """torch's."""

    shards = True

    def build(self, groups: Sequence[ParameterGroup], rate: float) -> torch.optim.Optimizer:
        """torch's own."""
        import torch

        return torch.optim.SGD([group.as_dict() for group in groups], lr=rate, momentum=self.options.momentum)

    def state_bytes(self, group: ParameterGroup) -> int:
        """The momentum, if there is any."""
        return sum(parameter.nbytes for parameter in group.parameters) if self.options.momentum else 0
