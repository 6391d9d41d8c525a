"""Qwen v1 (Qwen-1.8B to 72B of 2023, `QWenLMHeadModel`), which is Qwen2 with other names.

Source: the model code published with Qwen/Qwen-7B, arXiv 2309.16609.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mft_core.models.checkpoints.formats import CheckpointFormat, fused, renamed

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel
    from transformers.core_model_loading import WeightTransform

NAMES = {
    r"^transformer\.wte\.": "model.embed_tokens.",
    r"^transformer\.ln_f\.": "model.norm.",
    r"^transformer\.h\.": "model.layers.",
    r"\.ln_1\.": ".input_layernorm.",
    r"\.ln_2\.": ".post_attention_layernorm.",
    r"\.attn\.c_proj\.": ".self_attn.o_proj.",
    r"\.mlp\.c_proj\.": ".mlp.down_proj.",
    # The gate is w2: the original computes w1(x) * silu(w2(x)).
    r"\.mlp\.w1\.": ".mlp.up_proj.",
    r"\.mlp\.w2\.": ".mlp.gate_proj.",
}
EARLY_KEYS = ("n_embd", "n_layer", "n_head")


class QwenV1(CheckpointFormat):
    """Multi-head attention with biases on query, key and value only; both MLP halves of `intermediate_size` // 2."""

    name = "Qwen v1"
    required = {"no_bias": True, "rotary_pct": 1.0, "scale_attn_weights": True, "rope_scaling": None}

    def recognizes(self, config: Mapping[str, Any]) -> bool:
        """`model_type` qwen, Qwen-VL and Qwen-Audio among them."""
        return config.get("model_type") == "qwen"

    def refusals(self, config: Mapping[str, Any]) -> list[str]:
        """Also the keys of the very first release, and heads that do not fill the width."""
        found = super().refusals(config)
        found += [f"the configuration key {key} of the first release" for key in EARLY_KEYS if key in config]
        if found:
            return found
        heads, width = config["num_attention_heads"], config["hidden_size"]
        channels = config.get("kv_channels", width // heads)
        return [] if heads * channels == width else [f"kv_channels = {channels}, not hidden_size / heads"]

    def notes(self, config: Mapping[str, Any]) -> list[str]:
        """Dropout that is not kept, and what the original code does beyond `seq_length`, at inference only."""
        dropout = config.get("emb_dropout_prob")
        notes = [f"emb_dropout_prob = {dropout} is left out; training runs without it."] if dropout else []
        habits = {"use_dynamic_ntk": "rescales rotary positions", "use_logn_attn": "scales queries"}
        active = [habit for key, habit in habits.items() if config.get(key, True)]
        if active:
            acts = f"{' and '.join(active)} when it generates beyond {config.get('seq_length')} tokens"
            notes.append(f"the original code {acts}; here it does not. All else is exact, training too.")
        return notes

    def native_config(self, config: Mapping[str, Any]) -> PreTrainedConfig:
        """Qwen2's configuration."""
        from transformers import Qwen2Config

        return Qwen2Config(
            vocab_size=config["vocab_size"],
            hidden_size=config["hidden_size"],
            intermediate_size=config["intermediate_size"] // 2,
            num_hidden_layers=config["num_hidden_layers"],
            num_attention_heads=config["num_attention_heads"],
            num_key_value_heads=config["num_attention_heads"],
            max_position_embeddings=config.get("max_position_embeddings", 8192),
            initializer_range=config.get("initializer_range", 0.02),
            rms_norm_eps=config.get("layer_norm_epsilon", 1e-6),
            rope_parameters={"rope_type": "default", "rope_theta": float(config.get("rotary_emb_base", 10000))},
            attention_dropout=config.get("attn_dropout_prob", 0.0),
            tie_word_embeddings=config.get("tie_word_embeddings", False),
            use_cache=config.get("use_cache", True),
            bos_token_id=config.get("bos_token_id"),
            eos_token_id=config.get("eos_token_id"),
            pad_token_id=config.get("pad_token_id"),
        )

    def native_class(self) -> type[PreTrainedModel]:
        """Qwen2ForCausalLM."""
        from transformers import Qwen2ForCausalLM

        return Qwen2ForCausalLM

    def weights(self, config: Mapping[str, Any]) -> list[WeightTransform]:
        """Names, and one matrix for query, key and value."""
        parts = (f"self_attn.{part}_proj" for part in "qkv")
        return [*renamed(NAMES), fused("attn.c_attn", *parts)]
