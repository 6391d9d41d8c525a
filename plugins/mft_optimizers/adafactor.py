"""Adafactor (arXiv 1804.04235)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from mft_core.interfaces import Optimizer, Options, ParameterGroup

if TYPE_CHECKING:
    import torch


class AdafactorOptions(Options):
    """Options of adafactor."""

    clip_threshold: float = Field(1.0, gt=0, description="largest root mean square of an update")
    decay_rate: float = Field(-0.8, lt=0, description="the running means forget as step ** decay_rate")
    scale_parameter: bool = Field(
        False, description="steps in proportion to a parameter's own size, as first published"
    )


class Adafactor(Optimizer[AdafactorOptions]):
    """transformers', with the recipe's learning rates in place of its own."""

    def build(self, groups: Sequence[ParameterGroup], rate: float) -> torch.optim.Optimizer:
        """transformers' own."""
        from transformers.optimization import Adafactor

        given = [group.as_dict() for group in groups]
        return Adafactor(given, lr=rate, relative_step=False, **self.options.model_dump())

    def state_bytes(self, group: ParameterGroup) -> int:
        """A row and a column of each matrix in float32, a number for each element of what is none."""
        return sum(4 * _numbers(parameter.shape) for parameter in group.parameters)


def _numbers(shape: torch.Size) -> int:
    """Numbers in the running mean of squares, and one: the root mean square of the parameter itself."""
    whole = shape.numel()
    return 1 + (whole // shape[-1] + whole // shape[-2] if len(shape) > 1 else whole)
