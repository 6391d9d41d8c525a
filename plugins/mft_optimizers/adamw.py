"""AdamW (arXiv 1711.05101)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from mft_core.interfaces import Optimizer, Options, ParameterGroup

if TYPE_CHECKING:
    import torch

Beta = Annotated[float, Field(ge=0, lt=1)]


class AdamWOptions(Options):
    """Options of adamw."""

    betas: tuple[Beta, Beta] = Field((0.9, 0.95), description="of the running means of gradients and their squares")
    eps: float = Field(1e-8, gt=0, description="added to the root of the mean square")


class AdamW(Optimizer[AdamWOptions]):
    """torch's, in its fused form: one pass over each parameter, on a processor three times as fast as the usual one."""

    shards = True

    def build(self, groups: Sequence[ParameterGroup], rate: float) -> torch.optim.Optimizer:
        """torch's own."""
        import torch

        given = [group.as_dict() for group in groups]
        return torch.optim.AdamW(given, lr=rate, betas=self.options.betas, eps=self.options.eps, fused=True)
