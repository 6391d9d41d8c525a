"""A small configuration of any architecture, from its own class and the names that configurations usually have."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

from mft_core.errors import MftError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

WIDTH, INNER, HEADS, HEAD, KEY_VALUE_HEADS, EXPERTS, CONTEXT = 64, 128, 4, 16, 2, 4, 4096
LAYERS, MOST_LAYERS = 2, 8
"""Layers of a tiny model, and of one whose layers are of several kinds, of which there is to be one each."""

WIDTHS = ("hidden_size", "n_embd", "n_embed", "d_model", "dim", "embedding_size", "word_embed_proj_dim", "emb_dim")
INNER_WIDTHS = (
    *("intermediate_size", "ffn_dim", "n_inner", "dff", "d_inner", "ffn_hidden_size", "feed_forward_hidden_size"),
    *(
        "decoder_ffn_dim",
        "encoder_ffn_dim",
        "intermediate_size_mlp",
        "dense_intermediate_size",
        "dim_ff",
        "mamba_d_ssm",
    ),
)
EXPERT_WIDTHS = (
    *("moe_intermediate_size", "expert_ffn_hidden_size", "shared_expert_intermediate_size", "shared_intermediate_size"),
    *("moe_shared_expert_intermediate_size", "lru_width", "attention_hidden_size"),
)
HEAD_COUNTS = (
    *("num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads", "encoder_attention_heads"),
    *("num_decoder_attention_heads", "num_encoder_attention_heads", "linear_num_key_heads", "linear_num_value_heads"),
)
HEAD_WIDTHS = (
    *("head_dim", "kv_channels", "attention_head_dim", "dim_head", "d_head", "qk_nope_head_dim", "qk_rope_head_dim"),
    *("v_head_dim", "kv_head_dim", "rotary_dim", "linear_key_head_dim", "linear_value_head_dim", "global_head_dim"),
    *("swa_head_dim", "swa_v_head_dim"),
)
LAYER_COUNTS = (
    *("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers", "encoder_layers"),
    *("num_decoder_layers", "num_encoder_layers", "num_blocks"),
)
EXPERTS_PER_TOKEN = ("num_experts_per_tok", "moe_k", "moe_topk", "top_k_experts", "num_experts_per_token")
CONTEXTS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_sequence_length", "seq_length")
SMALL: Mapping[str, int] = {
    **dict.fromkeys(WIDTHS, WIDTH),
    **dict.fromkeys(INNER_WIDTHS, INNER),
    **dict.fromkeys(EXPERT_WIDTHS, WIDTH),
    **dict.fromkeys(HEAD_COUNTS, HEADS),
    **dict.fromkeys(HEAD_WIDTHS, HEAD),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads", "swa_num_key_value_heads"), KEY_VALUE_HEADS),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"), EXPERTS),
    **dict.fromkeys(EXPERTS_PER_TOKEN, 2),
    **dict.fromkeys(("n_group", "topk_group", "n_groups", "mamba_n_groups", "num_expert_group", "n_shared_experts"), 1),
    **dict.fromkeys(("q_lora_rank", "kv_lora_rank"), WIDTH),
    **dict.fromkeys(("state_size", "mamba_d_state", "ssm_state_size", "mamba_head_dim", "mamba_d_head"), HEAD),
    **dict.fromkeys(("mamba_num_heads", "mamba_n_heads"), 2 * HEADS),  # its inner width is twice the model's
    **dict.fromkeys(CONTEXTS, CONTEXT),
}
"""Sizes by the names that configuration classes of transformers give them."""
VOCABULARIES = ("vocab_size", "vocab_size_per_layer_input")
LATENT, PADDING = "kv_lora_rank", ("pad_token_id",)
TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id")
REACH = 4
REACHES = (
    *("sliding_window", "sliding_window_size", "window_size", "attention_window_size", "local_attention"),
    *("keep_window_size", "attention_chunk_size", "index_topk", "index_block_size", "block_size"),
)
"""How many tokens a token sees, or in what blocks, by the names that configuration classes give it."""
KINDS_OF_LAYERS = ("layer_types", "layers_block_type", "block_types", "mlp_layer_types")


MOST_VARIATIONS = 2
"""At once; each costs the time of building a model without memory."""


def tiny_native_config(model_type: str, vocabulary_size: int) -> PreTrainedConfig:
    """A configuration of a random model of this type that trains in seconds on one core, if its class allows it.

    Every size that has one of the usual names is made small, dropout is off, and token ids that lie beyond a small
    vocabulary are left out. What can be a decoder is one.

    Raises:
        MftError: transformers has no model of this type, or its sizes are not to be had so.
    """
    usual = usual_config(model_type)
    return _first_that_builds(model_type, _choices(usual, vocabulary_size))


def reaches(config: PreTrainedConfig) -> bool:
    """Whether a number in this configuration limits how many tokens a token sees."""
    return any(isinstance(value, int) and value for key, value in config.to_dict().items() if key in REACHES)


def short_sighted_twin(config: PreTrainedConfig, vocabulary_size: int) -> PreTrainedConfig:
    """A tiny configuration like `config`, where each limit of how many tokens a token sees is `REACH`.

    What such a limit does to packed rows shows on texts of a few tokens then.

    Raises:
        MftError: its sizes are not to be had so.
    """
    own = config.to_dict()
    flags = {key: value for key, value in own.items() if isinstance(value, bool)}
    limits = {key: REACH for key in REACHES if isinstance(own.get(key), int) and not isinstance(own[key], bool)}
    kinds = {key: list(own[key])[: _layers(own)] for key in KINDS_OF_LAYERS if isinstance(own.get(key), list | tuple)}
    choices = ({**flags, **choice, **kinds, **limits} for choice in _choices(own, vocabulary_size))
    return _first_that_builds(config.model_type, choices)


def _first_that_builds(model_type: str, choices: Iterable[Mapping[str, Any]]) -> PreTrainedConfig:
    import torch
    from transformers import CONFIG_MAPPING

    from mft_core.models.building import build_empty

    config_class, failures = CONFIG_MAPPING[model_type], []
    for values in choices:
        try:
            config = config_class(**values)
            build_empty(copy.deepcopy(config), torch.float32)  # some models change their configuration
        except Exception as error:  # noqa: BLE001 - a configuration class may raise anything for values it dislikes
            failures.append(error)
            continue
        return config
    raise MftError(f"No small {model_type} can be made of the usual sizes: {_line(failures[0])}") from failures[0]


def usual_config(model_type: str) -> dict[str, Any]:
    """What config.json holds of a model of this type where nothing else is said.

    Raises:
        MftError: transformers has no model of this type, or none by default.
    """
    from transformers import CONFIG_MAPPING

    if model_type not in CONFIG_MAPPING:
        raise MftError(f"transformers has no model_type {model_type!r}.")
    config_class = CONFIG_MAPPING[model_type]
    try:
        return {**config_class().to_dict(), "model_type": model_type}
    except Exception as error:
        raise MftError(f"{config_class.__name__} has no defaults: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or repr(error)


def _choices(usual: Mapping[str, Any], vocabulary_size: int) -> Iterable[dict[str, Any]]:
    """Keyword arguments to try, the most wished for first; then what some classes ask for instead."""
    sizes: dict[str, Any] = {key: SMALL[key] for key, value in usual.items() if key in SMALL and isinstance(value, int)}
    sizes |= {key: _layers(usual) for key in LAYER_COUNTS if key in usual}
    sizes |= {key: SMALL[key] for key in EXPERTS_PER_TOKEN if key in usual}
    sizes |= {key: 0.0 for key, value in usual.items() if "drop" in key and isinstance(value, float)}
    sizes |= {key: vocabulary_size for key in VOCABULARIES if key in usual}
    within = {key: min(value, vocabulary_size - 1) for key in TOKENS if isinstance(value := usual.get(key), int)}
    sizes |= {key: None for key in TOKENS if key in usual} | {key: within[key] for key in PADDING if key in within}
    sizes |= {key: True for key in ("is_decoder",) if key in usual}
    alike = {key: HEADS for key in sizes if "key_value_heads" in key}
    if LATENT in usual:  # every head has a key and a value of its own, made of what all have in common
        sizes |= alike
    variations = (
        alike,
        {key: SMALL[key] for key, value in usual.items() if key in SMALL and value is None},
        within,
        {key: usual[key] for key in LAYER_COUNTS if key in usual},
        {key: usual[key] for key in EXPERTS_PER_TOKEN if key in usual},
        {key: 2 * HEADS for key in HEAD_COUNTS if key in sizes},
    )
    for count in range(MOST_VARIATIONS + 1):
        for chosen in combinations(filter(None, variations), count):
            yield {**sizes, **{key: value for variation in chosen for key, value in variation.items()}}


def _layers(usual: Mapping[str, Any]) -> int:
    """As many as it takes to have one of each kind."""
    lists = [usual[key] for key in KINDS_OF_LAYERS if isinstance(usual.get(key), list | tuple)]
    needed = [max(kinds.index(kind) + 1 for kind in kinds) for kinds in lists if kinds]
    return min(max([LAYERS, *needed]), MOST_LAYERS)
