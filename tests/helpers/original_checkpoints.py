"""Random checkpoints in original formats, their layout written down here once more, independently of the adapters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

from mft_chatglm.adapter import ChatGLM
from mft_core.interfaces import ModelAdapter
from mft_core.testing.random_models import VOCABULARY, WEIGHT_SCALE
from mft_qwen.adapter import Qwen

Weights = dict[str, torch.Tensor]
LAYERS = 2

QWEN = {
    "architectures": ["QWenLMHeadModel"],
    "model_type": "qwen",
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 256,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "kv_channels": 16,
    "layer_norm_epsilon": 1e-6,
    "max_position_embeddings": 512,
    "seq_length": 64,
    "rotary_emb_base": 10000,
    "rotary_pct": 1.0,
    "no_bias": True,
    "scale_attn_weights": True,
    "use_dynamic_ntk": False,
    "use_logn_attn": False,
    "tie_word_embeddings": False,
}
CHATGLM = {
    "architectures": ["ChatGLMForConditionalGeneration"],
    "model_type": "chatglm",
    "padded_vocab_size": VOCABULARY,
    "hidden_size": 64,
    "ffn_hidden_size": 96,
    "num_layers": LAYERS,
    "num_attention_heads": 4,
    "kv_channels": 16,
    "multi_query_attention": True,
    "multi_query_group_num": 2,
    "add_qkv_bias": True,
    "add_bias_linear": False,
    "rmsnorm": True,
    "post_layer_norm": True,
    "apply_residual_connection_post_layernorm": False,
    "original_rope": True,
    "layernorm_epsilon": 1e-5,
    "seq_length": 128,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "quantization_bit": 0,
    "pre_seq_len": None,
}


def rows_in_turn(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    return torch.cat([query, key, value])


def rows_by_head(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Four heads: [query rows, key rows, value rows] of each."""
    return torch.cat(
        [part for head in zip(*(each.chunk(4) for each in (query, key, value)), strict=True) for part in head]
    )


def qwen_layout(native: Weights, join: Callable[..., torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
    yield "transformer.wte.weight", native["model.embed_tokens.weight"]
    yield "transformer.ln_f.weight", native["model.norm.weight"]
    yield "lm_head.weight", native["lm_head.weight"]
    for layer in range(LAYERS):
        ours, theirs = f"model.layers.{layer}.", f"transformer.h.{layer}."
        yield theirs + "ln_1.weight", native[ours + "input_layernorm.weight"]
        yield theirs + "ln_2.weight", native[ours + "post_attention_layernorm.weight"]
        for kind in ("weight", "bias"):
            yield theirs + f"attn.c_attn.{kind}", join(*(native[f"{ours}self_attn.{x}_proj.{kind}"] for x in "qkv"))
        yield theirs + "attn.c_proj.weight", native[ours + "self_attn.o_proj.weight"]
        yield theirs + "mlp.w1.weight", native[ours + "mlp.up_proj.weight"]
        yield theirs + "mlp.w2.weight", native[ours + "mlp.gate_proj.weight"]
        yield theirs + "mlp.c_proj.weight", native[ours + "mlp.down_proj.weight"]


def chatglm_layout(native: Weights, join: Callable[..., torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
    yield "transformer.embedding.word_embeddings.weight", native["model.embed_tokens.weight"]
    yield "transformer.encoder.final_layernorm.weight", native["model.norm.weight"]
    yield "transformer.output_layer.weight", native["lm_head.weight"]
    yield "transformer.rotary_pos_emb.inv_freq", torch.arange(4.0)
    for layer in range(LAYERS):
        ours, theirs = f"model.layers.{layer}.", f"transformer.encoder.layers.{layer}."
        for norm in ("input_layernorm", "post_attention_layernorm"):
            yield f"{theirs}{norm}.weight", native[f"{ours}{norm}.weight"]
        for kind in ("weight", "bias"):
            parts = [native.get(f"{ours}self_attn.{x}_proj.{kind}") for x in "qkv"]
            if parts[0] is not None:
                yield theirs + f"self_attention.query_key_value.{kind}", join(*parts)
        yield theirs + "self_attention.dense.weight", native[ours + "self_attn.o_proj.weight"]
        yield theirs + "mlp.dense_h_to_4h.weight", native[ours + "mlp.gate_up_proj.weight"]
        yield theirs + "mlp.dense_4h_to_h.weight", native[ours + "mlp.down_proj.weight"]


@dataclass(frozen=True)
class Original:
    """An original format in one configuration."""

    adapter: ModelAdapter
    config: dict[str, Any]
    layout: Callable[..., Iterator[tuple[str, torch.Tensor]]]
    changes: dict[str, Any] = field(default_factory=dict)
    dtype: torch.dtype = torch.float32
    join: Callable[..., torch.Tensor] = rows_in_turn


ORIGINALS = {
    "qwen": Original(Qwen(), QWEN, qwen_layout),
    "qwen-bfloat16": Original(Qwen(), QWEN, qwen_layout, {"rotary_emb_base": 500}, torch.bfloat16),
    "chatglm": Original(ChatGLM(), CHATGLM, chatglm_layout),
    "chatglm-32k": Original(ChatGLM(), CHATGLM, chatglm_layout, {"rope_ratio": 50, "classifier_dropout": None}),
    "chatglm-one-group": Original(ChatGLM(), CHATGLM, chatglm_layout, {"multi_query_group_num": 1, "kv_channels": 32}),
    "chatglm-no-bias": Original(ChatGLM(), CHATGLM, chatglm_layout, {"add_qkv_bias": False}, torch.float16),
    "chatglm-by-head": Original(
        ChatGLM(), CHATGLM, chatglm_layout, {"multi_query_attention": False}, join=rows_by_head
    ),
}


def original_config(name: str) -> dict[str, Any]:
    return ORIGINALS[name].config | ORIGINALS[name].changes


def write_original_checkpoint(name: str, folder: Path, *, pickled: bool = False) -> Weights:
    """Write the checkpoint, sharded; returns its weights by native key, as they are stored."""
    original, config = ORIGINALS[name], original_config(name)
    format_ = original.adapter.format_of(config)
    assert format_ is not None
    native_config = format_.native_config(config)
    native_config.initializer_range = WEIGHT_SCALE
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(native_config, dtype=torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter += 0.1 * torch.randn_like(parameter)  # norms and biases start equal
    native = {key: tensor.to(original.dtype) for key, tensor in model.state_dict().items()}
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    write_shards({key: part.contiguous() for key, part in original.layout(native, original.join)}, folder, pickled)
    return native


def write_shards(weights: Weights, folder: Path, pickled: bool = False) -> None:
    pattern = "pytorch_model{suffix}.bin" if pickled else "model{suffix}.safetensors"
    split = split_torch_state_dict_into_shards(weights, filename_pattern=pattern, max_shard_size=60_000)
    assert split.is_sharded
    for name, keys in split.filename_to_tensors.items():
        shard = {key: weights[key] for key in keys}
        if pickled:
            torch.save(shard, folder / name)
        else:
            save_file(shard, folder / name, metadata={"format": "pt"})
    index = {"metadata": split.metadata, "weight_map": split.tensor_to_filename}
    (folder / f"{pattern.format(suffix='')}.index.json").write_text(json.dumps(index, indent=2) + "\n")
