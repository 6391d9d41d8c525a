"""Optimizers of bitsandbytes (arXiv 2110.02861): states of 8 bits, and states that leave a full GPU for main memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from pydantic import Field

from mft_core.interfaces import Optimizer, Options, ParameterGroup
from mft_optimizers.adamw import AdamWOptions, Beta

if TYPE_CHECKING:
    import torch

BLOCK, SMALLEST = 256, 4096
"""Numbers that share a scale, and those of the smallest parameter whose states have 8 bits."""


class StoredOptions(Options):
    """How states are stored."""

    bits: Literal[8, 32] = Field(8, description="of a state's number; of parameters with under 4096 numbers always 32")
    paged: bool = Field(
        False, description="a GPU that is full moves states to main memory, until a resume; elsewhere without effect"
    )


class AdamW8BitOptions(AdamWOptions, StoredOptions):
    """Options of adamw-8bit."""


class LionOptions(StoredOptions):
    """Options of lion."""

    bits: Literal[8, 32] = Field(32, description="of a state's number; of parameters with under 4096 numbers always 32")
    betas: tuple[Beta, Beta] = Field((0.9, 0.99), description="of the mean whose sign is the step, and of the one kept")


SomeStoredOptions = TypeVar("SomeStoredOptions", bound=StoredOptions)


class _Stored(Optimizer[SomeStoredOptions]):
    """States of bitsandbytes."""

    states: ClassVar[int]

    def state_bytes(self, group: ParameterGroup) -> int:
        """A byte for each number and a float32 for each block of them; or a float32 for each number."""
        return sum(self.states * self._stored(parameter.numel()) for parameter in group.parameters)

    def _stored(self, numbers: int) -> int:
        if self.options.bits == 32 or numbers < SMALLEST:
            return 4 * numbers
        return numbers + 4 * -(-numbers // BLOCK)

    def _how(self, groups: Sequence[ParameterGroup]) -> dict[str, Any]:
        """As bitsandbytes takes it."""
        on_gpu = any(parameter.is_cuda for group in groups for parameter in group.parameters)
        return {"optim_bits": self.options.bits, "is_paged": self.options.paged and on_gpu}


class AdamW8Bit(_Stored[AdamW8BitOptions]):
    """bitsandbytes' AdamW."""

    states = 2

    def build(self, groups: Sequence[ParameterGroup], rate: float) -> torch.optim.Optimizer:
        """bitsandbytes' own."""
        from bitsandbytes.optim import AdamW

        given, options = [group.as_dict() for group in groups], self.options
        return AdamW(given, lr=rate, betas=options.betas, eps=options.eps, **self._how(groups))


class Lion(_Stored[LionOptions]):
    """bitsandbytes' Lion (arXiv 2302.06675)."""

    states = 1

    def build(self, groups: Sequence[ParameterGroup], rate: float) -> torch.optim.Optimizer:
        """bitsandbytes' own."""
        from bitsandbytes.optim import Lion

        return Lion([group.as_dict() for group in groups], lr=rate, betas=self.options.betas, **self._how(groups))
