"""DeepSeek V2 and V3, as transformers has them natively."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.errors import MftError
from mft_core.interfaces import ModelAdapter
from mft_core.modeling import describe_config, read_config

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

WITHOUT_PACKING = ("deepseek", "deepseek_v32", "deepseek_v4")


class DeepSeek(ModelAdapter):
    """Multi-head latent attention and sparse experts behind some dense layers.

    LoRA tunes the attention: the experts are fused parameters, and what has the names of their parts (dense and shared
    MLPs) PEFT would take for them.
    """

    native_types = ("deepseek_v2", "deepseek_v3", *WITHOUT_PACKING)
    lora_targets = ("q_proj", "q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj")

    def load_config(self, folder: Path) -> PreTrainedConfig:
        """The native configuration of the checkpoint in `folder`.

        Raises:
            MftError: a DeepSeek that transformers has no class for, or whose attention chooses tokens by itself.
        """
        config = read_config(folder)
        if config.get("model_type") in WITHOUT_PACKING:
            raise MftError(
                f"This DeepSeek ({describe_config(config)}) has no native class, or an attention that chooses among "
                "all tokens of a row; it cannot be trained here.",
                "Use DeepSeek-V2, Coder-V2 or V3; DeepSeek-Coder and DeepSeek-LLM are of the llama family.",
            )
        return super().load_config(folder)

    def tiny_config(self, vocabulary_size: int) -> PreTrainedConfig:
        """A V3 of two layers of width 64, one dense and one of four experts."""
        from transformers import DeepseekV3Config

        return DeepseekV3Config(
            vocab_size=vocabulary_size,
            hidden_size=64,
            intermediate_size=192,
            moe_intermediate_size=64,
            num_hidden_layers=2,
            first_k_dense_replace=1,
            num_attention_heads=4,
            num_key_value_heads=4,
            q_lora_rank=64,
            kv_lora_rank=64,
            qk_nope_head_dim=16,
            qk_rope_head_dim=16,
            v_head_dim=16,
            n_routed_experts=4,
            num_experts_per_tok=2,
            n_shared_experts=1,
            n_group=1,
            topk_group=1,
            max_position_embeddings=4096,
            bos_token_id=None,
            eos_token_id=None,
            pad_token_id=None,
        )
