"""What of a model is trained: LoRA adapters, beside dense or quantised weights, or every weight."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mft_core.errors import UsageError
from mft_core.models.quantization import Quantization, is_quantized
from mft_core.recipe.schema import Recipe, TrainSection, TuneSection
from mft_core.tuning.lora import QLORA, add_lora, check_initialization

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

METHODS = (LORA, QLORA, FULL) = ("lora", QLORA, "full")


def prepare_for_tuning(
    model: PreTrainedModel, settings: TuneSection, train: TrainSection, family: Sequence[str] = ()
) -> nn.Module:
    """The model with exactly those parameters requiring gradients that are to be trained, and with fused layers.

    LoRA's scale is alpha / rank, or alpha / sqrt(rank) for rsLoRA (arXiv 2312.03732); DoRA is arXiv 2402.09353.
    Initial values of `CHANGES_BASE` move a part of the base's weights into the matrices; `save_final` writes plain LoRA
    of twice the rank for them.

    Args:
        model: from `load_base`, quantised for "qlora"; changed in place (see also `mft_core.nn.fused_layers`).
        settings: [tune] of the recipe.
        train: [train] of the recipe; of it, whether activations are recomputed in the backward pass, and the seed of
            the LoRA matrices' initial values. The process's random state is left as it was.
        family: what the target "family" stands for (`ModelAdapter.lora_targets`).

    Returns:
        `model` itself for "full"; else PEFT's wrapper, its adapters in float32 (float64 in a float64 model).

    Raises:
        UsageError: a target that names no linear module (the message lists what there is), options that exclude each
            other, or a method that does not fit the model's weights.
    """
    if (settings.method == QLORA) != is_quantized(model):
        state = "quantised" if is_quantized(model) else "not quantised"
        raise UsageError(f"tune.method = {settings.method!r} does not fit a model whose weights are {state}.")
    from mft_core.nn.fused_layers import use_fused_layers

    use_fused_layers(model)
    with checkpointing_by_its_old_name():
        if train.gradient_checkpointing is True:
            # Not reentrant: the reentrant form loses keyword arguments and gradients behind a frozen embedding.
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        if settings.method == FULL:
            return model.requires_grad_(True)
        tuned = add_lora(model, settings, family, train.seed)
    if not settings.cast_activations:
        from mft_core.nn.lora_linear import use_own_lora_linear

        use_own_lora_linear(tuned)
    return tuned


def check_tuning(recipe: Recipe) -> None:
    """Refuse tuning options that exclude each other.

    Raises:
        UsageError: they do.
    """
    if recipe.tune.method != FULL:
        check_initialization(recipe.tune)
    if recipe.tune.method == QLORA and recipe.train.sharding == "full":
        raise UsageError(
            'train.sharding = "full" cannot spread weights in four bits.',
            'Use tune.method = "lora", or train.sharding = "none" with a copy on each device.',
        )


def quantization(settings: TuneSection) -> Quantization | None:
    """How the base's weights are quantised; None: they are not."""
    return Quantization(settings.quant_type, settings.double_quant) if settings.method == QLORA else None


@contextmanager
def checkpointing_by_its_old_name() -> Iterator[None]:
    """No warning for `gradient_checkpointing`: transformers 5 renamed it, PEFT uses the name that holds until 6."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`(is_)?gradient_checkpointing", FutureWarning)
        yield
