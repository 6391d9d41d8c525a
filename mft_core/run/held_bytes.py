"""Bytes of parameters that are not there yet: quantised or not, whole or a rank's part."""

from __future__ import annotations

from torch import nn
from transformers import PreTrainedModel

from mft_core.models.quantization import Quantization, quantizable
from mft_core.training.sharding import decoder_layers

LAYERS = 2
"""Decoder layers that are whole at a time: one computes, and the next is fetched meanwhile."""


class HeldBytes:
    """What parameters of a base on the meta device, and of what a tuner adds to it, are going to take."""

    def __init__(self, base: PreTrainedModel, quantization: Quantization | None, shards: int) -> None:
        """Of a base that no tuner has changed; spread over so many ranks."""
        chosen = [module.get_parameter("weight") for module in quantizable(base).values()] if quantization else []
        self.quantization, self.shards = quantization, shards
        self._quantised = {id(parameter) for parameter in chosen}
        self.workspace: int = max((parameter.nbytes for parameter in chosen), default=0)
        """Of the largest matrix that is dequantised for a while."""

    def whole(self, parameter: nn.Parameter) -> int:
        """Of all of it."""
        if self.quantization and id(parameter) in self._quantised:
            return self.quantization.stored_bytes(parameter.numel())
        return parameter.nbytes

    def part(self, parameter: nn.Parameter) -> int:
        """Of what a rank has between steps: rows of a tensor, and of a quantised one a part of its bytes."""
        whole, rows = self.whole(parameter), max(1, parameter.shape[0] if parameter.ndim else 1)
        if self.quantization and id(parameter) in self._quantised:
            tables = self.quantization.table_bytes if self.shards > 1 else 0
            return tables + -(-(whole - tables) // self.shards)
        return -(-rows // self.shards) * (whole // rows)

    def gathered(self, model: nn.Module) -> int:
        """Of what a rank has whole for a while: all outside of the layers, some layers, and gradients of one.

        Args:
            model: from the base, by the tuner.
        """
        if self.shards == 1:
            return 0
        layers = [list(layer.parameters()) for layer in decoder_layers(model)]
        inside = {id(parameter) for layer in layers for parameter in layer}
        outside = [parameter for parameter in model.parameters() if id(parameter) not in inside]
        largest = max((sum(map(self.whole, layer)) for layer in layers), default=0)
        groups = [[each for each in group if each.requires_grad] for group in (outside, *layers)]
        return sum(map(self.whole, outside)) + LAYERS * largest + max(sum(map(self.whole, group)) for group in groups)
