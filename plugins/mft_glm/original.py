"""The format of GLM-10B and its relatives (`model_type` glm of 2022): GPT-2's blocks under other names.

Source: the model code published with THUDM/glm-10b, arXiv 2103.10360. Its labels are not shifted: the label of a
position is the token predicted there. So are those of `mft_core.records.Batch`, whose targets thus need no change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mft_core.models.checkpoints.formats import CheckpointFormat, fused, renamed

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel
    from transformers.core_model_loading import WeightTransform

NAMES = {
    r"^glm\.word_embeddings\.": "model.embed_tokens.",
    r"^glm\.transformer\.position_embeddings\.": "model.position_embeddings.",
    r"^glm\.transformer\.block_position_embeddings\.": "model.block_position_embeddings.",
    r"^glm\.transformer\.layers\.": "model.layers.",
    r"^glm\.transformer\.final_layernorm\.": "model.norm.",
    r"\.attention\.dense\.": ".self_attn.o_proj.",
    r"\.mlp\.dense_h_to_4h\.": ".mlp.c_fc.",
    r"\.mlp\.dense_4h_to_h\.": ".mlp.c_proj.",
}
OWN_KEYS = ("block_position_encoding", "relative_encoding")
"""Configuration keys that no other `model_type` glm has."""

ANTLLM = {
    "rotary_type": "none",
    "use_rmsnorm": False,
    "use_swiglu": False,
    "use_bias": True,
    "use_qkv_bias": False,
    "unidirectional": False,
    "mlp_version": "v1",
    "norm_softmax": False,
    "norm_head": False,
    "attention_grouping": None,
    "spell_length": None,
}
"""What AntLLM's later models of the same `model_type` may have, and GLM-10B has not."""

DROPOUTS = ("attention_dropout_prob", "embedding_dropout_prob", "output_dropout_prob")


class GlmOriginal(CheckpointFormat):
    """Fused query, key and value one after another; a head tied to the embeddings."""

    name = "GLM (2022)"
    required = {
        "block_position_encoding": True,
        "relative_encoding": False,
        "output_predict": True,
        "focused_attention": False,
        **ANTLLM,
    }

    def recognizes(self, config: Mapping[str, Any]) -> bool:
        """`model_type` glm, as GLM-4 has it too, with the keys of the older architecture."""
        return config.get("model_type") == "glm" and any(key in config for key in OWN_KEYS)

    def refusals(self, config: Mapping[str, Any]) -> list[str]:
        """Also heads that share keys and values, and an inner width of its own."""
        grouped, inner = config.get("num_key_value_heads"), config.get("intermediate_size")
        found = super().refusals(config)
        if grouped not in (None, 0, config.get("num_attention_heads")):
            found.append(f"num_key_value_heads = {grouped}")
        if inner not in (None, 4 * config.get("hidden_size", 0)):
            found.append(f"intermediate_size = {inner}, not 4 * hidden_size")
        return found

    def notes(self, config: Mapping[str, Any]) -> list[str]:
        """Dropout that is not kept."""
        found = [f"{key} = {config[key]}" for key in DROPOUTS if config.get(key)]
        return [f"{', '.join(found)} left out; training runs without dropout."] if found else []

    def native_config(self, config: Mapping[str, Any]) -> PreTrainedConfig:
        """The configuration of `mft_glm.modeling`; the adapter adds the marker tokens, which the tokenizer knows."""
        from mft_glm.modeling import BlockGlmConfig

        return BlockGlmConfig(
            vocab_size=config["vocab_size"],
            hidden_size=config["hidden_size"],
            intermediate_size=4 * config["hidden_size"],
            num_hidden_layers=config["num_layers"],
            num_attention_heads=config["num_attention_heads"],
            num_key_value_heads=config["num_attention_heads"],
            hidden_act="gelu",
            max_position_embeddings=config["max_sequence_length"],
            initializer_range=config.get("initializer_range", 0.02),
            norm_epsilon=1e-5,
            tie_word_embeddings=True,
            bos_token_id=config.get("bos_token_id"),
            eos_token_id=config.get("eos_token_id"),
            pad_token_id=config.get("pad_token_id"),
        )

    def native_class(self) -> type[PreTrainedModel]:
        """BlockGlmForCausalLM."""
        from mft_glm.modeling import BlockGlmForCausalLM

        return BlockGlmForCausalLM

    def weights(self, config: Mapping[str, Any]) -> list[WeightTransform]:
        """Names, and one matrix for query, key and value."""
        parts = (f"self_attn.{part}_proj" for part in "qkv")
        return [*renamed(NAMES), fused("attention.query_key_value", *parts)]
