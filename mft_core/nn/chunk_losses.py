"""From a few rows of a head's output to losses and their gradient, in its place: by PyTorch's operations, or by Triton.

Triton (`mft_core.nn.chunk_losses_triton`) does on CUDA what PyTorch does elsewhere, in two passes over the logits and
without a copy of them in float32. It is tested in its interpreter, compiled for GPUs but not run on one yet: a
self-test at the first use of every kind is what stands between it and a wrong result.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from functools import partial

import torch

from mft_core.nn.half_precision import wide_dtype
from mft_core.nn.logit_form import LogitForm

logger = logging.getLogger(__name__)

TESTED_ROWS = 3
TESTED_TOLERANCE = 1e-4

ChunkLosses = Callable[[torch.Tensor, torch.Tensor, bool], torch.Tensor]
"""(scores, labels, gradients) -> losses.

`scores`, [n, V], are a head's output without its bias, and are overwritten: with the derivatives of the losses with
regard to them if `gradients`, else with anything. `labels` are int64 [n], the losses float32 or float64 [n].
"""


def chunk_losses(form: LogitForm, bias: torch.Tensor | None, vocabulary: int, like: torch.Tensor) -> ChunkLosses:
    """The fastest means that this device has, for one walk over chunks.

    Args:
        bias: [V] or None, in the dtype and on the device of `like`.
        vocabulary: V.
    """
    kind = like.device, like.dtype, vocabulary, form, bias is not None
    if not like.is_cuda or like.dtype == torch.float64 or not triton_works(*kind):
        return TorchLosses(form, bias)
    from mft_core.nn.chunk_losses_triton import losses_

    return partial(losses_, bias=bias, form=form)


class TorchLosses:
    """By PyTorch's operations, in float32 or float64; keeps its room from chunk to chunk.

    Args:
        bias: [V], in the dtype of the scores, or None.
    """

    def __init__(self, form: LogitForm, bias: torch.Tensor | None) -> None:
        self._form = form
        self._bias = bias
        self._room: torch.Tensor | None = None

    def __call__(self, scores: torch.Tensor, labels: torch.Tensor, gradients: bool) -> torch.Tensor:
        """A chunk's losses; none may have more rows than the first."""
        if self._bias is not None:
            scores.add_(self._bias)
        logits = self._widened(scores)
        slope = self._form.apply_(logits)
        torch.log_softmax(logits, 1, out=logits)
        targets = labels[:, None]
        losses = -logits.gather(1, targets)
        if gradients:
            logits.exp_().scatter_(1, targets, torch.expm1(-losses))
            if not isinstance(slope, float) or slope != 1.0:
                logits.mul_(slope)
            if logits.dtype != scores.dtype:
                scores.copy_(logits)
        return losses.squeeze(1)

    def _widened(self, scores: torch.Tensor) -> torch.Tensor:
        dtype = wide_dtype(scores.dtype)
        if dtype == scores.dtype:
            return scores
        if self._room is None:
            self._room = torch.empty_like(scores, dtype=dtype)
        return self._room[: len(scores)].copy_(scores)


@functools.cache
def triton_works(device: torch.device, dtype: torch.dtype, vocabulary: int, form: LogitForm, biased: bool) -> bool:
    """Whether the Triton kernel runs on this device and agrees with PyTorch's operations; logs why not, once."""
    try:
        difference = triton_difference(device, dtype, vocabulary, form, biased)
    except Exception as error:  # noqa: BLE001 - no Triton, no compiler, an unknown GPU: the run goes on without
        reason = f"{type(error).__name__}: {error}"
    else:
        if difference <= TESTED_TOLERANCE:
            return True
        reason = f"it is wrong by {difference:.2g}"
    logger.warning(
        "The head's losses on %s (%s) are left to PyTorch's operations, which take more time and memory than the "
        "Triton kernel: that one does not work here (%s).",
        device,
        dtype,
        reason,
    )
    return False


def triton_difference(
    device: torch.device, dtype: torch.dtype, vocabulary: int, form: LogitForm, biased: bool
) -> float:
    """Largest relative difference of the Triton kernel's losses and gradients on a few rows to those of float64.

    Rounding to `dtype` is not counted.
    """
    from mft_core.nn.chunk_losses_triton import losses_

    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(TESTED_ROWS + 1, vocabulary, generator=generator).mul_(4).to(device, dtype)
    rows, bias = drawn[:TESTED_ROWS], drawn[TESTED_ROWS] if biased else None
    labels = torch.linspace(0, vocabulary - 1, TESTED_ROWS, device=device).long()
    exact = rows.double()
    expected = TorchLosses(form, None if bias is None else bias.double())(exact, labels, True)
    scores = rows.clone()
    found = losses_(scores, labels, True, bias, form), losses_(rows.clone(), labels, False, bias, form)
    of_losses = (torch.stack(found) - expected).abs().max() / expected.max()
    size = exact.abs().clamp(min=torch.finfo(dtype).smallest_normal)
    of_gradients = ((scores.double() - exact).abs() / size).max() - torch.finfo(dtype).eps
    return float(torch.maximum(of_losses, of_gradients))
