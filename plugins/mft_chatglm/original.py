"""The format of ChatGLM2, ChatGLM3, CodeGeeX2 and the first GLM-4 (`model_type` chatglm): Glm with other names.

Source: the model code published with THUDM/chatglm2-6b, chatglm2-6b-32k, chatglm3-6b-32k, codegeex2-6b and glm-4-9b.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mft_chatglm.per_head import fused_per_head
from mft_core.models.checkpoints.formats import CheckpointFormat, fused, renamed

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel
    from transformers.core_model_loading import WeightTransform

NAMES = {
    r"^transformer\.embedding\.word_embeddings\.": "model.embed_tokens.",
    r"^transformer\.encoder\.layers\.": "model.layers.",
    r"^transformer\.encoder\.final_layernorm\.": "model.norm.",
    r"^transformer\.output_layer\.": "lm_head.",
    r"\.self_attention\.dense\.": ".self_attn.o_proj.",
    r"\.mlp\.dense_h_to_4h\.": ".mlp.gate_up_proj.",
    r"\.mlp\.dense_4h_to_h\.": ".mlp.down_proj.",
}
FIRST_VERSION_KEYS = ("position_encoding_2d", "inner_hidden_size")


class ChatGLMOriginal(CheckpointFormat):
    """Rotary positions on interleaved pairs of half of every head, as in Glm; query, key and value in one matrix."""

    name = "ChatGLM"
    required = {
        "rmsnorm": True,
        "post_layer_norm": True,
        "add_bias_linear": False,
        "apply_residual_connection_post_layernorm": False,
        "fp32_residual_connection": False,
        "original_rope": True,
        "rotary_percent": 0.5,
        "interleaved_qkv": False,
        "quantization_bit": 0,
        "pre_seq_len": None,
        "rope_scaling": None,
    }
    # apply_query_key_layer_scaling and attention_softmax_in_fp32 change how scores are computed, not what they are.
    ignored = (r"rotary_pos_emb\.inv_freq$",)

    def recognizes(self, config: Mapping[str, Any]) -> bool:
        """`model_type` chatglm, ChatGLM-6B of the first version and GLM-4V among them."""
        return config.get("model_type") == "chatglm"

    def refusals(self, config: Mapping[str, Any]) -> list[str]:
        """Also the first version, and a `rope_ratio` that is no factor."""
        if any(key in config for key in FIRST_VERSION_KEYS):
            return ["the architecture of the first ChatGLM-6B (two-dimensional positions)"]
        found, ratio = super().refusals(config), config.get("rope_ratio", 1)
        return found if isinstance(ratio, int | float) and ratio > 0 else [*found, f"rope_ratio = {ratio!r}"]

    def notes(self, config: Mapping[str, Any]) -> list[str]:
        """Dropout that is not kept, and which of the two meanings of `rope_ratio` was taken where nothing tells."""
        notes = []
        if config.get("hidden_dropout"):
            notes.append(f"hidden_dropout = {config['hidden_dropout']} is left out; training runs without it.")
        if config.get("rope_ratio", 1) != 1 and not published_version(config):
            notes.append(
                f"rope_ratio = {config['rope_ratio']} multiplies the rotary base, as in ChatGLM3-6B-32K and GLM-4. "
                "For ChatGLM2-6B-32K, which divides positions by it, "
                'write "_name_or_path": "chatglm2-6b-32k" into config.json.'
            )
        return notes

    def native_config(self, config: Mapping[str, Any]) -> PreTrainedConfig:
        """Glm's configuration."""
        from transformers import GlmConfig

        heads = config["num_attention_heads"]
        return GlmConfig(
            vocab_size=config["padded_vocab_size"],
            hidden_size=config["hidden_size"],
            intermediate_size=config["ffn_hidden_size"],
            num_hidden_layers=config["num_layers"],
            num_attention_heads=heads,
            num_key_value_heads=config["multi_query_group_num"] if _grouped(config) else heads,
            head_dim=config.get("kv_channels") or config["hidden_size"] // heads,
            max_position_embeddings=config["seq_length"],
            initializer_range=config.get("initializer_range", 0.02),
            rms_norm_eps=config.get("layernorm_epsilon", 1e-5),
            rope_parameters=_rotary(config),
            attention_bias=config.get("add_qkv_bias", False),
            attention_dropout=config.get("attention_dropout", 0.0),
            tie_word_embeddings=False,  # whatever its configuration says: the original code has no way to tie them
            use_cache=config.get("use_cache", True),
            # Else they would be GLM-4's, beyond the older vocabularies.
            pad_token_id=config.get("pad_token_id"),
            eos_token_id=config.get("eos_token_id", 2),
            bos_token_id=config.get("bos_token_id"),
        )

    def native_class(self) -> type[PreTrainedModel]:
        """GlmForCausalLM."""
        from transformers import GlmForCausalLM

        return GlmForCausalLM

    def finish(self, model: PreTrainedModel) -> None:
        """Token 0 is one like any other in the original, not a padding row without gradient."""
        model.get_input_embeddings().padding_idx = None

    def weights(self, config: Mapping[str, Any]) -> list[WeightTransform]:
        """Names, and one matrix for query, key and value: one after another, or side by side in every head."""
        parts = [f"self_attn.{part}_proj" for part in "qkv"]
        join = fused if _grouped(config) else fused_per_head
        return [*renamed(NAMES), join("self_attention.query_key_value", *parts)]


def _grouped(config: Mapping[str, Any]) -> bool:
    return config.get("multi_query_attention", False)


def _rotary(config: Mapping[str, Any]) -> dict[str, Any]:
    ratio = float(config.get("rope_ratio", 1))
    common = {"partial_rotary_factor": 0.5}
    if ratio != 1 and published_version(config) == "chatglm2":
        return {"rope_type": "linear", "factor": ratio, "rope_theta": 10000.0, **common}
    return {"rope_type": "default", "rope_theta": 10000.0 * ratio, **common}


def published_version(config: Mapping[str, Any]) -> str:
    """ "chatglm2" or a later one, by marks of their own configurations; "": nothing tells."""
    published_as = str(config.get("_name_or_path", "")).lower()
    if "chatglm2" in published_as:
        return "chatglm2"
    later = "chatglm3" in published_as or "glm-4" in published_as or "classifier_dropout" in config
    return "later" if later else ""
