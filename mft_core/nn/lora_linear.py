"""LoRA's linear layers, computed in the dtype of the base's weights.

PEFT casts the activations to the adapters' float32, which in a bfloat16 model costs more than LoRA itself. Here the
small matrices A and B are cast instead, and one autograd function does the layer: y = x W^T + b + s dropout(x) A^T B^T.
Names, saving, merging and everything else stay PEFT's.
"""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora import Linear
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

from mft_core.nn.plain_linear import is_plain_linear, is_whole, plain_matrix

DTYPES = (torch.bfloat16, torch.float32, torch.float64)
"""Not float16: its gradients have no room below 6e-8, those that PEFT computes in float32 have."""


def use_own_lora_linear(model: nn.Module) -> int:
    """Let every plain LoRA linear layer of a PEFT model compute as described above; returns how many there are.

    Args:
        model: changed in place; layers of other kinds (quantised, embeddings) stay PEFT's.
    """
    found = [module for module in model.modules() if type(module) is Linear]
    for module in found:
        module.__class__ = LoraLinear
    return len(found)


class LoraLinear(Linear):
    """PEFT's LoRA layer with another forward for the plain case; the rest is PEFT's forward.

    Plain is: one active adapter, not merged, no variant (as DoRA) and no bias of its own, over a frozen dense layer of
    the input's dtype (`plain_matrix`), without autocast.
    """

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """[..., in] to [..., out]."""
        base: Any = self.base_layer
        matrix = plain_matrix(base)
        if args or kwargs or matrix is None or not self._is_plain(x):
            return super().forward(x, *args, **kwargs)
        name = self.active_adapters[0]
        dropout = self.lora_dropout[name]
        rate = dropout.p if isinstance(dropout, nn.Dropout) and dropout.training else 0.0
        down, up = self.lora_A[name].weight, self.lora_B[name].weight
        return _LoraLinear.apply(x, matrix, base.bias, down, up, float(self.scaling[name]), rate)

    def _is_plain(self, x: torch.Tensor) -> bool:
        if self.disable_adapters or self.merged or len(self.active_adapters) != 1 or x.dim() < 2:
            return False
        name = self.active_adapters[0]
        if name not in self.lora_A or name in self.lora_variant or self.lora_bias[name]:
            return False
        if not (is_plain_linear(self.lora_A[name]) and is_plain_linear(self.lora_B[name])):
            return False
        if not all(is_whole(layer.weight) for layer in (self.base_layer, self.lora_A[name], self.lora_B[name])):
            return False
        if not isinstance(self.lora_dropout[name], (nn.Dropout, nn.Identity)):
            return False
        frozen = not any(parameter.requires_grad for parameter in self.base_layer.parameters())
        fits = x.dtype == self.base_layer.weight.dtype and x.dtype in DTYPES
        return frozen and fits and not torch.is_autocast_enabled(x.device.type)


class _LoraLinear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        down: torch.Tensor,
        up: torch.Tensor,
        scale: float,
        rate: float,
    ) -> torch.Tensor:
        rows = x.flatten(0, -2)
        # The same random numbers as PEFT's dropout takes; a mask of bytes is kept instead of another [rows, in].
        dropped, kept = torch.native_dropout(rows, rate, True) if rate else (rows, None)
        reduced = dropped @ down.to(x.dtype).t()
        result = linear(rows, weight, bias).addmm_(reduced, up.to(x.dtype).t(), alpha=scale)
        ctx.save_for_backward(rows, weight, down, up, reduced, kept)
        ctx.shape, ctx.scale, ctx.rate = x.shape, scale, rate
        return result.view(*x.shape[:-1], len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        rows, weight, down, up, reduced, kept = ctx.saved_tensors
        gradient = gradient.flatten(0, -2)
        inner = (gradient @ up.to(gradient.dtype)).mul_(ctx.scale)
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = gradient @ weight
            if kept is None:
                of_x.addmm_(inner, down.to(gradient.dtype))
            else:
                of_x.add_((inner @ down.to(gradient.dtype)).mul_(kept), alpha=1 / (1 - ctx.rate))
            of_x = of_x.view(ctx.shape)
        dropped = rows if kept is None else torch.ops.aten.native_dropout_backward(rows, kept, 1 / (1 - ctx.rate))
        of_down = (inner.t() @ dropped).to(down.dtype)
        # Of the two orders, the one that is faster where the layer widens, or where it does not.
        widens = len(weight) > weight.shape[1]
        of_up = (reduced.t() @ gradient).t() if widens else gradient.t() @ reduced
        of_up = of_up.to(up.dtype).mul_(ctx.scale)
        return of_x, None, None, of_down, of_up, None, None
