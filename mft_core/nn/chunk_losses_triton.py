"""A language model's losses and their gradient in one Triton kernel; imported only where Triton is used.

Logits stay where and as the matrix product left them; all arithmetic is float32, in registers. A program has a row: it
reads it once for the log-sum-exp and the loss, and once more to put the gradient in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import triton
import triton.language as tl

if TYPE_CHECKING:
    from mft_core.nn.logit_form import LogitForm

BLOCK = 4096
"""Logits of a row that a program holds at a time."""
WARPS = 8


def losses_(
    scores: torch.Tensor, labels: torch.Tensor, gradients: bool, bias: torch.Tensor | None, form: LogitForm
) -> torch.Tensor:
    """-log softmax(form(scores + bias)) of every label; with `gradients`, its derivatives take the place of `scores`.

    Args:
        scores: bfloat16, float16 or float32 [n, V]; the columns of a row are neighbours.
        labels: int64 [n]; one outside of the vocabulary makes a loss that is not a number.
        bias: [V], or None.

    Returns:
        float32 [n].
    """
    losses = torch.empty(len(scores), dtype=torch.float32, device=scores.device)
    if len(scores):
        with torch.cuda.device_of(scores):  # Triton launches on the current device
            _row_kernel[(len(scores),)](
                scores,
                scores.stride(0),
                scores.shape[1],
                labels.contiguous(),
                None if bias is None else bias.contiguous(),
                losses,
                form.scale,
                form.softcap,
                gradients=gradients,
                block=BLOCK,
                num_warps=WARPS,
            )
    return losses


@triton.jit
def _row_kernel(
    scores: tl.tensor,
    row_stride: tl.tensor,
    vocabulary: tl.tensor,
    labels: tl.tensor,
    bias: tl.tensor,
    losses: tl.tensor,
    scale: tl.tensor,
    softcap: tl.tensor,
    gradients: tl.constexpr,
    block: tl.constexpr,
) -> None:
    row = tl.program_id(0).to(tl.int64)
    scores += row * row_stride
    label = tl.load(labels + row)
    valid = (label >= 0) & (label < vocabulary)
    label = label.to(tl.int32)
    target, _target_slope = _logits(scores, bias, label, valid, float("nan"), scale, softcap)
    # The sum of exponentials leaves the target out: 1 - p of a nearly certain one keeps all its digits.
    peak, rest = target, 0.0
    for start in range(0, vocabulary, block):
        columns = start + tl.arange(0, block)
        logits, _slope = _logits(scores, bias, columns, columns < vocabulary, float("-inf"), scale, softcap)
        logits = tl.where(columns == label, float("-inf"), logits)
        higher = tl.maximum(peak, tl.max(logits, 0))
        rest = rest * tl.exp(peak - _finite(higher)) + tl.sum(tl.exp(logits - _finite(higher)), 0)
        peak = higher
    total = rest + tl.exp(target - _finite(peak))
    tl.store(losses + row, tl.log(total) + (peak - target))
    if gradients:
        for start in range(0, vocabulary, block):
            columns = start + tl.arange(0, block)
            inside = columns < vocabulary
            logits, slope = _logits(scores, bias, columns, inside, float("-inf"), scale, softcap)
            likelihood = tl.exp(logits - _finite(peak)) / total
            gradient = tl.where(columns == label, -rest / total, likelihood) * slope
            tl.store(scores + columns, gradient.to(scores.dtype.element_ty), mask=inside)


@triton.jit
def _logits(
    scores: tl.tensor,
    bias: tl.tensor,
    columns: tl.tensor,
    mask: tl.tensor,
    outside: tl.constexpr,
    scale: tl.tensor,
    softcap: tl.tensor,
) -> tuple[tl.tensor, tl.tensor]:
    """Of some columns, `outside` where there are none; and their derivatives."""
    values = tl.load(scores + columns, mask=mask, other=0.0).to(tl.float32)
    if bias is not None:
        values += tl.load(bias + columns, mask=mask, other=0.0).to(tl.float32)
    if softcap is None:
        logits, slope = values * scale, scale
    else:
        bent, slope = _tanh(values * (scale / softcap))
        logits, slope = bent * softcap, slope * scale
    return tl.where(mask, logits, outside), slope


@triton.jit
def _tanh(values: tl.tensor) -> tuple[tl.tensor, tl.tensor]:
    """And its derivative. Written out, since the interpreter, in which it is tested, has none."""
    shrunk = tl.exp(-2 * tl.abs(values))
    far = (1 - shrunk) / (1 + shrunk)
    square = values * values
    near = values * (1 + square * (-1 / 3 + square * (2 / 15 + square * (-17 / 315 + square * (62 / 2835)))))
    bent = tl.where(tl.abs(values) < 0.25, near, tl.where(values < 0, -far, far))
    return bent, 4 * shrunk / ((1 + shrunk) * (1 + shrunk))


@triton.jit
def _finite(peak: tl.tensor) -> tl.tensor:
    """What to subtract before exponentials: a row that is -inf so far would make -inf - -inf."""
    return tl.where(peak == float("-inf"), 0.0, peak)
