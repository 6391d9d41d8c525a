"""The recipe's [tune] applied to a model."""

from __future__ import annotations

from torch import nn
from transformers import PreTrainedModel

from mft_core.errors import UsageError
from mft_core.models.adapter import ModelAdapter
from mft_core.models.quantization import Quantization
from mft_core.recipe.schema import Recipe
from mft_core.tuning.methods import FULL, QLORA, check_initialization, prepare_for_tuning


def check_tuning(recipe: Recipe) -> None:
    """Refuse tuning options that exclude each other.

    Raises:
        UsageError: they do.
    """
    settings = recipe.tune
    if settings.method != FULL:
        check_initialization(settings.init, settings.method, settings.dora)
    if settings.method == QLORA and recipe.train.sharding == "full":
        raise UsageError(
            'train.sharding = "full" cannot spread weights in four bits.',
            'Use tune.method = "lora", or train.sharding = "none" with a copy on each device.',
        )


def quantization(recipe: Recipe) -> Quantization | None:
    """How the base's weights are quantised; None: they are not."""
    settings = recipe.tune
    return Quantization(settings.quant_type, settings.double_quant) if settings.method == QLORA else None


def tune(model: PreTrainedModel, recipe: Recipe, adapter: ModelAdapter) -> nn.Module:
    """The model with the parameters the recipe trains requiring gradients."""
    return prepare_for_tuning(
        model,
        method=recipe.tune.method,
        rank=recipe.tune.rank,
        alpha=recipe.tune.alpha,
        dropout=recipe.tune.dropout,
        targets=recipe.tune.targets,
        family=adapter.lora_targets,
        dora=recipe.tune.dora,
        rslora=recipe.tune.rslora,
        init=recipe.tune.init,
        cast_activations=recipe.tune.cast_activations,
        gradient_checkpointing=recipe.train.gradient_checkpointing is True,
        seed=recipe.train.seed,
    )
