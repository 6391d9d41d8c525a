"""Number formats: by name, and chosen for a recipe and a device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mft_core.errors import UsageError
from mft_core.support.suggestions import did_you_mean

if TYPE_CHECKING:
    import torch

DTYPES = ("float32", "bfloat16", "float16", "float64")


def resolve_dtype(name: str, device: torch.device) -> torch.dtype:
    """The dtype of `model.dtype`; "auto" is bfloat16 where the device computes in it, else float32.

    Raises:
        UsageError: float16 on a CPU.
    """
    if name == "auto":
        return automatic_dtype(device)
    if name == "float16" and device.type == "cpu":
        raise UsageError("model.dtype = float16 needs a GPU.", 'Use "auto", "bfloat16" or "float32" on a CPU.')
    return dtype_named(name)


def dtype_named(name: str) -> torch.dtype:
    """One of `DTYPES`.

    Raises:
        UsageError: it is none of them.
    """
    if name not in DTYPES:
        raise UsageError(f"There is no dtype {name!r}.", did_you_mean(name, DTYPES))
    import torch

    return getattr(torch, name)


def automatic_dtype(device: torch.device) -> torch.dtype:
    """What "auto" is on a device; it depends on the machine."""
    import torch

    return torch.bfloat16 if computes_in_bfloat16(device) else torch.float32


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 itself; elsewhere it works too, but is emulated."""
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return False


@dataclass(frozen=True, slots=True)
class Precision:
    """How numbers are held.

    Attributes:
        weights: dtype the base is loaded in.
        mixed: accelerate's mixed precision, "no", "bf16" or "fp16".
    """

    weights: torch.dtype
    mixed: str


def choose_precision(dtype_name: str, device: torch.device, trains_base: bool) -> Precision:
    """A frozen base is held in the dtype that is computed in; one that is trained in float32, and computed by autocast.

    Args:
        dtype_name: `model.dtype`.
        trains_base: weights of the base itself are trained.

    Raises:
        UsageError: float16 on a CPU.
    """
    import torch

    dtype = resolve_dtype(dtype_name, device)
    half = {torch.bfloat16: "bf16", torch.float16: "fp16"}.get(dtype, "no")
    if trains_base and half != "no":
        return Precision(torch.float32, half)
    return Precision(dtype, "fp16" if half == "fp16" else "no")
