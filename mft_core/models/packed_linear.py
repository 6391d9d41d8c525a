"""Linear layers in four bits whose every byte lies in one vector of floats, which FSDP2 spreads as any parameter.

bitsandbytes' own parameter loses its scales when it is spread. The bytes are held as float32, since before torch 2.11
`fully_shard` takes floating-point parameters alone; nobody computes with them as such.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from bitsandbytes.functional import QuantState, quantize_4bit
from bitsandbytes.nn import Linear4bit, Params4bit
from torch import nn

from mft_core.models.quantization import BLOCK, SCALES_BLOCK, Quantization

FLOAT = 4
"""Bytes of one."""


@dataclass(frozen=True, slots=True)
class PackedForm:
    """Where in its vector the parts of a matrix lie: codes, floats, scales of one byte, each behind the other.

    Without double quantisation the floats are the scales of the blocks; with it they are the scales of these, and
    behind them the offset that is added to all.

    Attributes:
        shape: [out, in] of the matrix; in is a multiple of `BLOCK`.
        quantization: of it.
        dtype: it is dequantised to.
    """

    shape: torch.Size
    quantization: Quantization
    dtype: torch.dtype

    @property
    def codes(self) -> int:
        """Bytes of the numbers themselves."""
        return self.shape.numel() // 2

    @property
    def blocks(self) -> int:
        """How many numbers share a scale, each time."""
        return self.shape.numel() // BLOCK

    @property
    def floats(self) -> int:
        """How many there are."""
        return -(-self.blocks // SCALES_BLOCK) + 1 if self.quantization.double_quant else self.blocks

    @property
    def size(self) -> int:
        """Numbers of float32 in the vector."""
        scales = self.blocks if self.quantization.double_quant else 0
        return -(-(self.codes + FLOAT * self.floats + scales) // FLOAT)

    def fill(self, vector: torch.Tensor, weight: Params4bit) -> None:
        """Write a quantised weight of any device into its vector.

        Args:
            vector: float32 [size].
        """
        codes, state = self.parts(vector, QuantTables(torch.empty(0), torch.empty(0)))
        codes.copy_(weight.data)
        state.absmax.copy_(weight.quant_state.absmax)
        if self.quantization.double_quant:
            state.state2.absmax.copy_(weight.quant_state.state2.absmax)
            state.offset.copy_(weight.quant_state.offset)

    def parts(self, vector: torch.Tensor, tables: QuantTables) -> tuple[torch.Tensor, QuantState]:
        """Views of a whole vector, float32 [size]: the codes, uint8 [codes, 1], and what bitsandbytes keeps of them."""
        data, end = vector.detach().view(torch.uint8), self.codes + FLOAT * self.floats
        codes, floats = data[: self.codes].view(-1, 1), data[self.codes : end].view(torch.float32)
        double = self.quantization.double_quant
        scales = data[end : end + self.blocks] if double else floats
        state2 = None
        if double:
            state2 = QuantState(floats[:-1], code=tables.scales, blocksize=SCALES_BLOCK, dtype=torch.float32)
        return codes, QuantState(
            scales,
            shape=self.shape,
            code=tables.numbers,
            blocksize=BLOCK,
            quant_type=self.quantization.quant_type,
            dtype=self.dtype,
            offset=floats[-1] if double else None,
            state2=state2,
        )


@dataclass(frozen=True, slots=True)
class QuantTables:
    """What codes stand for.

    Attributes:
        numbers: of a weight, float32 [16].
        scales: of a scale under double quantisation, float32 [256]; else empty.
    """

    numbers: torch.Tensor
    scales: torch.Tensor


def quant_tables(quantization: Quantization) -> QuantTables:
    """Those of a quantisation, on the CPU."""
    zeros, double = torch.zeros(1, BLOCK), quantization.double_quant
    _, state = quantize_4bit(zeros, compress_statistics=double, quant_type=quantization.quant_type)
    return QuantTables(state.code, state.state2.code if double else torch.empty(0))


class PackedLinear4bit(Linear4bit):
    """bitsandbytes' layer with one parameter, `packed`, and its weight a view of that.

    Outside of a forward of the model a spread layer has a part of `packed` alone, and so no weight.
    """

    form: PackedForm
    packed: nn.Parameter
    numbers: torch.Tensor
    scales: torch.Tensor

    @property
    def weight(self) -> Params4bit:
        """As bitsandbytes holds it; of the same memory."""
        codes, state = self.form.parts(self.packed, QuantTables(self.numbers, self.scales))
        return Params4bit(
            codes,
            quant_state=state,
            blocksize=state.blocksize,
            compress_statistics=state.nested,
            quant_type=state.quant_type,
            quant_storage=torch.uint8,
            bnb_quantized=True,
        )

    def __setattr__(self, name: str, value: object) -> None:
        """Everything but the weight; on the CPU, PEFT's DoRA puts that back where it has read it."""
        if name != "weight":
            super().__setattr__(name, value)
        elif not isinstance(value, torch.Tensor) or value.data_ptr() != self.packed.data_ptr():
            raise AttributeError("a packed layer has no weight but a view of what is packed")


def use_packed(layer: Linear4bit, form: PackedForm, vector: torch.Tensor, tables: QuantTables) -> None:
    """Make a layer one whose weight is packed, in place.

    Args:
        vector: filled, float32 [form.size].
        tables: of the quantisation.
    """
    del layer._parameters["weight"]
    layer.__class__ = PackedLinear4bit
    packed = cast(PackedLinear4bit, layer)
    packed.quant_state = None
    packed.form, packed.packed = form, nn.Parameter(vector, requires_grad=False)
    # Buffers go where the parameters go.
    packed.register_buffer("numbers", tables.numbers, persistent=False)
    packed.register_buffer("scales", tables.scales, persistent=False)
