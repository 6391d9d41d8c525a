"""Expected peak memory of a training step, by arithmetic; no weights are loaded."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedConfig

from mft_core.interfaces import ModelAdapter
from mft_core.modeling import build_empty
from mft_core.plan import tune
from mft_core.recipe import Recipe

ADAM_MOMENTS = 2
# Tensors a decoder layer keeps for its backward, in elements per token: about 14 of the hidden size (norm and
# projection inputs, queries, keys, values, attention output, residuals) and 4 of the MLP's inner size.
HIDDEN_COPIES, INNER_COPIES = 14, 4
LOGIT_COPIES = 3


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Bytes on one rank, without sharding.

    Attributes:
        parameters: in all.
        trainable: of them.
        weights: base weights and adapters.
        gradients: of the trainable parameters.
        optimizer: its states.
        activations: kept for the backward, logits included.
    """

    parameters: int
    trainable: int
    weights: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.gradients + self.optimizer + self.activations


def estimate_memory(
    recipe: Recipe, adapter: ModelAdapter, config: PreTrainedConfig, weights_dtype: torch.dtype, supervised_share: float
) -> MemoryEstimate:
    """What one optimizer step needs at its peak.

    Args:
        config: the base's native transformers configuration.
        weights_dtype: the base is loaded in.
        supervised_share: supervised / real tokens; logits exist for supervised positions only.
    """
    model = tunable_skeleton(recipe, adapter, config, weights_dtype)
    sizes = [(p.numel(), p.element_size(), p.requires_grad) for p in model.parameters()]
    trainable_bytes = sum(count * size for count, size, trainable in sizes if trainable)
    moments = ADAM_MOMENTS if recipe.train.optimizer == "adamw" else 0
    return MemoryEstimate(
        parameters=sum(count for count, _, _ in sizes),
        trainable=sum(count for count, _, trainable in sizes if trainable),
        weights=sum(count * size for count, size, _ in sizes),
        gradients=trainable_bytes,
        optimizer=moments * trainable_bytes,
        activations=_activations(recipe, config, weights_dtype.itemsize, supervised_share),
    )


def tunable_skeleton(recipe: Recipe, adapter: ModelAdapter, config: PreTrainedConfig, dtype: torch.dtype) -> nn.Module:
    """The model as it will be trained, on the meta device: shapes without memory."""
    return tune(build_empty(config, dtype), recipe, adapter)


def _activations(recipe: Recipe, config: PreTrainedConfig, item: int, supervised_share: float) -> int:
    tokens = recipe.train.micro_batch_size * recipe.data.max_length
    hidden = config.hidden_size
    inner = getattr(config, "intermediate_size", None) or getattr(config, "n_inner", None) or 4 * hidden
    layers = config.num_hidden_layers
    per_layer = (HIDDEN_COPIES * hidden + INNER_COPIES * inner) * item * tokens
    kept = layers * hidden * item * tokens + per_layer if recipe.train.gradient_checkpointing else layers * per_layer
    logits = int(tokens * supervised_share) * config.vocab_size * 4 * LOGIT_COPIES
    return int(kept + logits)
