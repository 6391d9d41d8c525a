"""DeepSeek V2 and V3, as transformers has them natively."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mft_core.errors import MftError
from mft_core.interfaces import ModelAdapter
from mft_core.models.adapter import NO_TOKEN_IDS, TINY_SIZES
from mft_core.models.checkpoints.config import describe_config
from mft_core.models.checkpoints.refusals import differing, refuse

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

WITHOUT_PACKING = ("deepseek", "deepseek_v32", "deepseek_v4")
ROUTING: dict[str, dict[str, Any]] = {
    "deepseek_v2": {"scoring_func": "softmax", "norm_topk_prob": False, "moe_layer_freq": 1},
    "deepseek_v3": {"scoring_func": "sigmoid", "moe_layer_freq": 1},
}
TOP_METHODS = {"deepseek_v2": ("greedy", "group_limited_greedy"), "deepseek_v3": ("noaux_tc",)}
"""How the experts of a token are chosen: what the native classes have."""


class DeepSeek(ModelAdapter):
    """Multi-head latent attention and sparse experts behind some dense layers.

    LoRA tunes the attention: the experts are fused parameters, and what has the names of their parts (dense and shared
    MLPs) PEFT would take for them.
    """

    native_types = ("deepseek_v2", "deepseek_v3", *WITHOUT_PACKING)
    lora_targets = ("q_proj", "q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj")

    def check_supported(self, config: Mapping[str, Any]) -> None:
        """Refuse what transformers has no class for, attention that chooses tokens by itself, and other routers.

        Raises:
            MftError: as in `ModelAdapter`.
        """
        if config["model_type"] in WITHOUT_PACKING:
            raise MftError(
                f"This DeepSeek ({describe_config(config)}) has no native class, or an attention that chooses among "
                "all tokens of a row; it cannot be trained here.",
                "Use DeepSeek-V2, Coder-V2 or V3; DeepSeek-Coder and DeepSeek-LLM are of the llama family.",
            )
        super().check_supported(config)
        refuse(f"{config['model_type']} checkpoint", _other_routing(config))

    def tiny_config(self, vocabulary_size: int) -> PreTrainedConfig:
        """A V3 of two layers of width 64, one dense and one of four experts."""
        from transformers import DeepseekV3Config

        return DeepseekV3Config(
            vocab_size=vocabulary_size,
            moe_intermediate_size=64,
            first_k_dense_replace=1,
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
            **TINY_SIZES,
            **NO_TOKEN_IDS,
        )


def _other_routing(config: Mapping[str, Any]) -> list[str]:
    """What the native class of this version computes otherwise, whatever its configuration says."""
    found = differing(config, ROUTING[config["model_type"]])
    method, methods = config.get("topk_method"), TOP_METHODS[config["model_type"]]
    return [*found, f"topk_method = {method!r}"] if method not in (None, *methods) else found
