"""Cross-entropy token by token from hidden states and a head's weight; logits exist for a few rows at a time only.

With p = softmax(z), dL_t/dz_t = p_t - onehot_t =: P_t, so the gradient of a sum of g_t L_t with regard to the hidden
state h_t is g_t P_t W: the rows are separable. A frozen head therefore computes P W in the forward, where the logits
are at hand, and its backward is one product with g, exact for any function of the token losses. The gradient of the
head itself, sum_t g_t P_t^T h_t, is not separable: the forward computes it if g is known there up to a factor, else
the backward computes the logits again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch.autograd.function import once_differentiable

from mft_core.nn.chunk_losses import chunk_losses
from mft_core.nn.half_precision import HALVES, wide_dtype
from mft_core.nn.logit_form import LogitForm

ROUNDING = 8
"""Units in the last place by which token weights may differ from announced ones."""
CHUNK_BYTES = 2**28
"""Of a chunk's logits on a GPU: enough rows to keep it busy, whatever the vocabulary."""
TILE = 128
"""Rows that matrix products on GPUs are computed in."""


class Head(NamedTuple):
    """A linear head: u = h W^T + b.

    Attributes:
        weight: [V, H].
        bias: [V], or None.
        form: from u to logits.
        dtype: in which the matrix products are computed.
    """

    weight: torch.Tensor
    bias: torch.Tensor | None
    form: LogitForm
    dtype: torch.dtype

    @property
    def trainable(self) -> bool:
        """Whether a gradient is wanted of it."""
        return self.weight.requires_grad or (self.bias is not None and self.bias.requires_grad)


class _Gradients(NamedTuple):
    """Of sum_t w_t L_t, and the L_t; `weight` and `bias` are None where the head is frozen."""

    losses: torch.Tensor
    hidden: torch.Tensor
    weight: torch.Tensor | None
    bias: torch.Tensor | None


def head_losses(
    hidden: torch.Tensor, head: Head, labels: torch.Tensor, token_weights: torch.Tensor | None = None
) -> torch.Tensor:
    """-log p of every label.

    Args:
        hidden: [n, H].
        labels: int64 [n].
        token_weights: [n], the derivatives that the backward will get, up to a common factor, if they are known; they
            save a matrix product where the head is trainable. Wrong ones cost time, not correctness.

    Returns:
        float32 [n] (float64 in a float64 model); differentiable once.
    """
    if not torch.is_grad_enabled() or not (hidden.requires_grad or head.trainable):
        return _losses(hidden, head, labels)
    if head.trainable:
        return _TrainableHead.apply(hidden, head.weight, head.bias, labels, head.form, head.dtype, token_weights)
    return _FrozenHead.apply(hidden, head, labels)


class _FrozenHead(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: torch.Tensor, head: Head, labels: torch.Tensor) -> torch.Tensor:
        found = _gradients(hidden, head, labels, None, trains_head=False)
        ctx.save_for_backward(found.hidden)
        ctx.dtype = hidden.dtype
        return found.losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (separable,) = ctx.saved_tensors
        return (separable * gradient[:, None]).to(ctx.dtype), None, None


class _TrainableHead(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        labels: torch.Tensor,
        form: LogitForm,
        dtype: torch.dtype,
        token_weights: torch.Tensor | None,
    ) -> torch.Tensor:
        head = Head(weight, bias, form, dtype)
        ctx.save_for_backward(hidden, weight, bias, labels)
        ctx.form, ctx.dtype, ctx.token_weights = form, dtype, token_weights
        if token_weights is None:
            ctx.announced = None
            return _losses(hidden, head, labels)
        ctx.announced = _gradients(hidden, head, labels, token_weights, trains_head=True)
        return ctx.announced.losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        hidden, weight, bias, labels = ctx.saved_tensors
        # Taken out of `ctx`: a second backward computes them again, and the first may hand them on without a copy.
        found, ctx.announced = ctx.announced, None
        factor = None if found is None else _factor(gradient, ctx.token_weights)
        if found is None or factor is None:
            head = Head(weight, bias, ctx.form, ctx.dtype)
            found, factor = _gradients(hidden, head, labels, gradient, trains_head=True), 1.0
        parts = (found.hidden, found.weight, found.bias)
        of_hidden, of_weight, of_bias = (part if part is None or factor == 1.0 else part * factor for part in parts)
        return of_hidden, of_weight, of_bias, None, None, None, None


def _factor(gradient: torch.Tensor, token_weights: torch.Tensor) -> float | None:
    """c with gradient = c * token_weights; None where there is none."""
    if not len(gradient):
        return 1.0
    largest = token_weights.abs().argmax()
    factor = gradient[largest] / token_weights[largest]
    allowed = ROUNDING * torch.finfo(gradient.dtype).eps * gradient.abs()
    return float(factor) if bool(((gradient - factor * token_weights).abs() <= allowed).all()) else None


def _losses(hidden: torch.Tensor, head: Head, labels: torch.Tensor) -> torch.Tensor:
    losses = hidden.new_empty(len(hidden), dtype=wide_dtype(head.dtype))
    for part, of_part, _ in _chunks(hidden.detach(), head, labels, gradients=False, trains_head=False):
        losses[part] = of_part
    return losses


def _gradients(
    hidden: torch.Tensor, head: Head, labels: torch.Tensor, token_weights: torch.Tensor | None, trains_head: bool
) -> _Gradients:
    """Losses and gradients in one walk over the logits; without weights every token counts 1.

    `hidden` of the result is in the head's dtype for a frozen head, else in that of the hidden states.
    """
    losses = hidden.new_empty(len(hidden), dtype=wide_dtype(head.dtype))
    states = hidden.to(head.dtype)
    of_hidden = torch.empty_like(states)
    sums = _HeadSums(head, token_weights) if trains_head and token_weights is not None else None
    weight = head.weight.to(head.dtype)
    for part, of_part, gradient in _chunks(hidden, head, labels, gradients=True, trains_head=trains_head):
        losses[part] = of_part
        torch.mm(gradient, weight, out=of_hidden[part])
        if sums is not None:
            sums.add(gradient, states[part], part)
    if token_weights is not None:
        of_hidden = (of_hidden * token_weights[:, None]).to(hidden.dtype)
    return _Gradients(losses, of_hidden, *(sums.result() if sums is not None else (None, None)))


class _HeadSums:
    """Adds up sum_t w_t P_t^T h_t and sum_t w_t P_t, in float32 or float64."""

    def __init__(self, head: Head, token_weights: torch.Tensor) -> None:
        wide = wide_dtype(head.dtype)
        self._head = head
        # float16 has no room for weights such as 1e-6.
        self._peak = token_weights.abs().max() if head.dtype == torch.float16 and len(token_weights) else None
        self._token_weights = token_weights if self._peak is None else token_weights / self._peak
        self._weight = torch.zeros_like(head.weight, dtype=wide) if head.weight.requires_grad else None
        self._bias = torch.zeros_like(head.bias, dtype=wide) if head.bias is not None else None

    def add(self, gradient: torch.Tensor, states: torch.Tensor, part: slice) -> None:
        """Another chunk: [rows, V] and [rows, H]."""
        weights = self._token_weights[part].to(gradient.dtype)
        if self._weight is not None:
            weighted = states * weights[:, None]
            if self._weight.dtype == gradient.dtype:
                self._weight.addmm_(gradient.t(), weighted)
            else:
                self._weight.add_(torch.mm(gradient.t(), weighted))
        if self._bias is not None:
            self._bias.add_(torch.mv(gradient.t(), weights))

    def result(self) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """In the dtypes of the parameters."""
        return self._finished(self._weight, self._head.weight), self._finished(self._bias, self._head.bias)

    def _finished(self, total: torch.Tensor | None, like: torch.Tensor | None) -> torch.Tensor | None:
        if total is None or like is None:
            return None
        return (total if self._peak is None else total * self._peak).to(like.dtype)


def _chunks(
    hidden: torch.Tensor, head: Head, labels: torch.Tensor, *, gradients: bool, trains_head: bool
) -> Iterator[tuple[slice, torch.Tensor, torch.Tensor]]:
    """Yields, for a few rows at a time: where they are, their losses, and [rows, V] in the head's dtype.

    The last are P times dz/du if `gradients`, else of no use; the next chunk overwrites them.
    """
    states, weight = hidden.to(head.dtype), head.weight.detach().to(head.dtype)
    bias = None if head.bias is None else head.bias.detach().to(head.dtype)
    rows = chunk_rows(len(weight), head.dtype, hidden.device, trains_head)
    losses_of = chunk_losses(head.form, bias, len(weight), states)
    buffer = states.new_empty(min(rows, len(states)), len(weight))
    for start in range(0, len(states), rows):
        part = slice(start, min(start + rows, len(states)))
        products = torch.mm(states[part], weight.t(), out=buffer[: part.stop - start])
        losses = losses_of(products, labels[part], gradients)
        yield part, losses, products


def chunk_rows(vocabulary: int, dtype: torch.dtype, device: torch.device, trains_head: bool) -> int:
    """Rows of a chunk: as few as matrix products run well with. Sums over the rows want more in half precision."""
    if device.type != "cpu":
        return max(TILE, CHUNK_BYTES // (vocabulary * dtype.itemsize) // TILE * TILE)
    if dtype in HALVES:
        return 512 if trains_head else 128
    return 256
