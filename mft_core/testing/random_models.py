"""Tiny models with random weights, and how to compare what they compute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedConfig

from mft_core.nn.packed_attention import PACKED_ATTENTION, register_packed_attention
from mft_core.nn.token_losses import TokenLossModel

VOCABULARY = 128
WEIGHT_SCALE = 0.2
"""Standard deviation of the weights: what attention mixes then matters to every logit, so a leak shows."""

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
"""Largest relative difference between two ways to compute one thing, by dtype."""


def write_random_checkpoint(config: PreTrainedConfig, folder: Path, seed: int = 0) -> Path:
    """Save a model of this configuration, in float64, into `folder`; returns the folder."""
    config.initializer_range = WEIGHT_SCALE
    torch.manual_seed(seed)
    AutoModelForCausalLM.from_config(config, dtype=torch.float64).save_pretrained(folder)
    return folder


def random_token_loss_model(vocabulary: int = VOCABULARY) -> TokenLossModel:
    """A float64 model in evaluation mode, for what is exact whatever the model is."""
    register_packed_attention()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=WEIGHT_SCALE,
    )
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float64, attn_implementation=PACKED_ATTENTION)
    return TokenLossModel(model.eval())


def random_ids(*shape: int, seed: int = 2) -> torch.Tensor:
    """int64 token ids of any shape; 0 is not among them."""
    return torch.randint(1, VOCABULARY, shape, generator=torch.Generator().manual_seed(seed))


def take_gradients(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The gradients by parameter; none are left behind."""
    found = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    model.zero_grad(set_to_none=True)
    return found


def relative_difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Largest absolute difference, relative to the largest expected value."""
    return float((found - expected).detach().abs().max() / expected.detach().abs().max())


def logits_alone(model: Any, ids: torch.Tensor) -> torch.Tensor:
    """[S, vocabulary]: what transformers' own forward makes of one text, int64 [S]."""
    return model(input_ids=ids[None], use_cache=False).logits[0]
