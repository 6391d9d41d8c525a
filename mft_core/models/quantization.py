"""Base weights in four bits (QLoRA, arXiv 2305.14314), by bitsandbytes, on every device it supports, also the CPU."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from mft_core.errors import MftError, UsageError

if TYPE_CHECKING:
    import torch
    from bitsandbytes.nn import Linear4bit
    from torch import nn
    from transformers import BitsAndBytesConfig, PreTrainedModel

logger = logging.getLogger(__name__)

QuantType = Literal["nf4", "fp4"]
BLOCK = 64
"""Weights that share one scale."""
SCALES_BLOCK = 256
"""Scales that share one scale of their own, under double quantisation."""
CODE_BYTES = 16 * 4
DOUBLE_CODE_BYTES = 256 * 4 + 4
COMPUTE_DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class Quantization:
    """How base weights are held in four bits.

    Attributes:
        quant_type: "nf4", quantiles of the normal distribution, or "fp4", a four-bit floating point number.
        double_quant: the scales of the blocks are quantised to eight bits as well.
    """

    quant_type: QuantType = "nf4"
    double_quant: bool = True

    def stored_bytes(self, elements: int) -> int:
        """Bytes that a quantised matrix of so many elements takes: 4.127 bits each, 4.5 without double quantisation."""
        blocks = _ceiling(elements, BLOCK)
        if not self.double_quant:
            return _ceiling(elements, 2) + 4 * blocks + CODE_BYTES
        scales = blocks + 4 * _ceiling(blocks, SCALES_BLOCK) + DOUBLE_CODE_BYTES
        return _ceiling(elements, 2) + scales + CODE_BYTES

    @property
    def table_bytes(self) -> int:
        """Bytes of what the numbers stand for: of a matrix that is spread over processes, each has them."""
        return CODE_BYTES + (DOUBLE_CODE_BYTES - 4 if self.double_quant else 0)


def quantization_named(quant_type: str) -> Quantization:
    """The quantisation of this type, with double quantisation.

    Raises:
        UsageError: there is no such type.
    """
    if quant_type not in ("nf4", "fp4"):
        raise UsageError(f"There is no quantisation {quant_type!r}.", 'Use "nf4" or "fp4".')
    return Quantization(cast(QuantType, quant_type))


def quantizable(model: PreTrainedModel) -> dict[str, nn.Module]:
    """The linear modules that four-bit weights can stand for, by name: not the head, and none of an odd width.

    transformers' Conv1D, a linear module that holds the transposed matrix, is among them.

    bitsandbytes' CPU code silently computes something else where a row is no whole number of blocks. Such layers stay
    as they are on every device, so that a run is the same model everywhere.
    """
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    from mft_core.nn.plain_linear import input_width, linear_modules

    return {
        name: module
        for name, module in linear_modules(model).items()
        if type(module) in (nn.Linear, Conv1D) and input_width(module) % BLOCK == 0
    }


def bitsandbytes_config(quantization: Quantization, empty: PreTrainedModel, dtype: torch.dtype) -> BitsAndBytesConfig:
    """What transformers needs to quantise weights as it reads them, without a second copy.

    Args:
        empty: the model on the meta device.
        dtype: of what is computed, and of the weights that are not quantised.

    Raises:
        UsageError: weights are not quantised from this dtype.
        MftError: bitsandbytes is not here.
    """
    if str(dtype).removeprefix("torch.") not in COMPUTE_DTYPES:
        raise UsageError(f"Quantised weights cannot compute in {dtype}.", f"Use one of {', '.join(COMPUTE_DTYPES)}.")
    _require_bitsandbytes()
    from transformers import BitsAndBytesConfig

    from mft_core.nn.plain_linear import linear_modules

    chosen = quantizable(empty)
    stay = [name for name in linear_modules(empty) if name not in chosen]
    _say_what_stays(stay)
    head = [name for name, module in empty.named_modules() if module is empty.get_output_embeddings()]
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=quantization.quant_type,
        bnb_4bit_use_double_quant=quantization.double_quant,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=[f"{re.escape(name)}$" for name in [*head, *stay]],
    )


def _require_bitsandbytes() -> None:
    from importlib.util import find_spec

    if find_spec("bitsandbytes") is None:
        raise MftError(
            "Weights in four bits need bitsandbytes, which is not installed.",
            "pip install bitsandbytes where there is a build for this machine; else use tune.method = lora.",
        )


def _say_what_stays(names: Iterable[str]) -> None:
    kinds = sorted({name.rpartition(".")[2] for name in names})
    if kinds:
        logger.warning("not quantised, since their input width is no multiple of %d: %s", BLOCK, ", ".join(kinds))


def keep_dense_path(model: nn.Module) -> None:
    """Have every quantised layer compute with dequantised weights, in evaluation as in training.

    On processors with AVX512-BF16 the first forward in evaluation mode would repack the weights in place, after which
    training gets wrong gradients.
    """
    for layer in four_bit_layers(model).values():
        layer.support_avx512bf16_for_cpu = False


def four_bit_layers(model: nn.Module) -> dict[str, Linear4bit]:
    """The layers whose weights are in four bits, by name."""
    if "bitsandbytes" not in sys.modules:  # else it would be imported to find none
        return {}
    from bitsandbytes.nn import Linear4bit

    return {name: module for name, module in model.named_modules() if isinstance(module, Linear4bit)}


def is_quantized(model: nn.Module) -> bool:
    """Whether some weights of the model, or of the model inside PEFT's wrapper, are in four bits."""
    return bool(getattr(model, "is_loaded_in_4bit", False))


def quantization_of(model: nn.Module) -> Quantization | None:
    """How the weights of a model are quantised; None: they are dense."""
    if not is_quantized(model):
        return None
    config = cast("PreTrainedModel", model).config.quantization_config
    return Quantization(config.bnb_4bit_quant_type, config.bnb_4bit_use_double_quant)


def parameter_counts(model: nn.Module) -> tuple[int, int]:
    """Numbers that the parameters of a model stand for, and those of them that are trained.

    A quantised one holds several of them in each element.
    """
    packed = {
        id(held): layer.in_features * layer.out_features
        for layer in four_bit_layers(model).values()
        for name, held in layer.named_parameters(recurse=False)
        if name != "bias"
    }
    counts = [(packed.get(id(each), each.numel()), each.requires_grad) for each in model.parameters()]
    return sum(count for count, _ in counts), sum(count for count, trained in counts if trained)


def take_dequantized(dense: PreTrainedModel, quantized: PreTrainedModel) -> None:
    """Give `dense` the weights that `quantized`, the same model, computes with, in the dtype of `dense`."""
    import torch
    from bitsandbytes.functional import dequantize_4bit
    from transformers.pytorch_utils import Conv1D

    for name, layer in four_bit_layers(quantized).items():
        with torch.no_grad():
            weight = dequantize_4bit(layer.weight.data, layer.weight.quant_state)
            module = dense.get_submodule(name)
            transposed = isinstance(module, Conv1D)
            module.get_parameter("weight").copy_(weight.t() if transposed else weight)


def forget_quantization(model: PreTrainedModel) -> None:
    """For weights that are dense now: transformers keeps calling them quantised and would save them as such."""
    del model.hf_quantizer, model.quantization_method, model.config.quantization_config
    model.is_quantized = model.is_loaded_in_4bit = False


def _ceiling(number: int, divisor: int) -> int:
    return -(-number // divisor)
