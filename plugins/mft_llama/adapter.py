"""Llama, Mistral and Mixtral, as transformers has them natively."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.interfaces import ModelAdapter
from mft_core.models.adapter import TINY_SIZES

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

    from mft_core.models.tokenizers.family import TokenizerFamily
    from mft_core.nn.router_loss import RouterLoss


class Llama(ModelAdapter):
    """Rotary positions, RMSNorm, gated MLP, grouped-query attention; Mistral: in a window; Mixtral: sparse experts.

    Mixtral's experts and router are no linear modules: LoRA tunes its attention. The family shares no chat template.
    """

    native_types = ("llama", "mistral", "mixtral")
    lora_targets = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

    def tiny_config(self, vocabulary_size: int) -> PreTrainedConfig:
        """Two layers of width 64, two key-value heads for four heads."""
        from transformers import LlamaConfig

        return LlamaConfig(vocab_size=vocabulary_size, num_key_value_heads=2, **TINY_SIZES)

    def router_loss(self, config: PreTrainedConfig) -> RouterLoss | None:
        """Of the mixtures of experts, with the coefficient in the checkpoint's configuration."""
        from mft_core.nn.router_loss import RouterLoss

        if config.model_type != "mixtral":
            return None
        return RouterLoss(config.router_aux_loss_coef, config.num_local_experts, config.num_experts_per_tok)

    def tokenizer_family(self, folder: Path) -> TokenizerFamily:
        """Of Llama 1 and 2 and of CodeLlama."""
        from mft_llama.tokenizer import LLAMA_2

        return LLAMA_2

    def recognizes_tokenizer(self, folder: Path) -> bool:
        """Llama 1, Llama 2 and CodeLlama share one vocabulary."""
        from mft_llama.tokenizer import shares_vocabulary

        return shares_vocabulary(folder)
