"""The accelerator that a model is trained on: Accelerate's, as training wants it."""

from __future__ import annotations

from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, PrecisionType


def training_accelerator(cpu: bool, precision: str = "no") -> Accelerator:
    """Device and ranks of this process.

    Args:
        cpu: compute on the processor.
        precision: what autocast computes in: "no", "bf16" or "fp16".
    """
    # Buffers of language models are constants, the same on all ranks: to send the first one's at every forward would
    # have all of them wait for it there, and nobody could tell by the time of a forward who is slow.
    copies = DistributedDataParallelKwargs(broadcast_buffers=False)
    return Accelerator(mixed_precision=PrecisionType(precision), cpu=cpu, kwargs_handlers=[copies])
