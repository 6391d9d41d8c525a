"""What published config.json files have in common, in sizes that run in a moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mft_core.testing.random_models import VOCABULARY

SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GROUPED = {**SIZES, "num_key_value_heads": 2}
LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "rms_norm_eps": 1e-5}
QWEN2 = {
    **GROUPED,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-6,
    "rope_theta": 1000000.0,
    "use_sliding_window": False,
    "sliding_window": 32768,
    "max_window_layers": 28,
    "max_position_embeddings": 32768,
}
ROUTED = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "output_router_logits": False}
DEEPSEEK = {
    **SIZES,
    "num_key_value_heads": 4,
    "hidden_act": "silu",
    "moe_intermediate_size": 32,
    "moe_layer_freq": 1,
    "first_k_dense_replace": 1,
    "n_routed_experts": 8,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "kv_lora_rank": 32,
    "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 16,
    "v_head_dim": 16,
    "ep_size": 1,
    "pretraining_tp": 1,
    "rope_theta": 10000,
}
YARN = {"type": "yarn", "factor": 40, "original_max_position_embeddings": 4096, "beta_fast": 32, "beta_slow": 1}
BAICHUAN = {**SIZES, "model_type": "baichuan", "hidden_act": "silu", "rms_norm_eps": 1e-6, "tie_word_embeddings": False}
CHATGLM = {
    "architectures": ["ChatGLMModel"],
    "model_type": "chatglm",
    "auto_map": {"AutoModelForCausalLM": "modeling_chatglm.ChatGLMForConditionalGeneration"},
    "add_bias_linear": False,
    "add_qkv_bias": True,
    "apply_query_key_layer_scaling": True,
    "apply_residual_connection_post_layernorm": False,
    "attention_softmax_in_fp32": True,
    "ffn_hidden_size": 96,
    "hidden_size": 64,
    "kv_channels": 16,
    "layernorm_epsilon": 1e-5,
    "multi_query_attention": True,
    "multi_query_group_num": 2,
    "num_attention_heads": 4,
    "num_layers": 2,
    "original_rope": True,
    "padded_vocab_size": VOCABULARY,
    "post_layer_norm": True,
    "quantization_bit": 0,
    "pre_seq_len": None,
    "rmsnorm": True,
    "seq_length": 128,
    "tie_word_embeddings": False,
}
QWEN_V1 = {
    **SIZES,
    "architectures": ["QWenLMHeadModel"],
    "model_type": "qwen",
    "kv_channels": 16,
    "layer_norm_epsilon": 1e-6,
    "no_bias": True,
    "rotary_emb_base": 10000,
    "rotary_pct": 1.0,
    "scale_attn_weights": True,
    "seq_length": 8192,
    "use_dynamic_ntk": True,
    "use_logn_attn": True,
    "use_flash_attn": "auto",
}
GLM_10B = {
    "architectures": ["GLMForConditionalGeneration"],
    "model_type": "glm",
    "attention_dropout_prob": 0.1,
    "attention_scale": 1.0,
    "block_position_encoding": True,
    "checkpoint_activations": False,
    "hidden_size": 64,
    "max_sequence_length": 64,
    "num_attention_heads": 4,
    "num_layers": 2,
    "output_predict": True,
    "parallel_output": True,
    "pool_token": "cls",
    "relative_encoding": False,
    "spell_func": "lstm",
    "spell_length": None,
    "vocab_size": VOCABULARY,
}


@dataclass(frozen=True)
class Published:
    """One published checkpoint.

    Attributes:
        adapter: that must recognise it.
        native: class it becomes.
        config: as published.
        wavelength: 1 over the lowest rotary frequency, in tokens per radian, worked out from the published numbers; 0:
            nothing rotates.
        tied: whether the head is the embeddings.
        window: of the first layer's attention; None: it sees everything.
    """

    adapter: str
    native: str
    config: dict[str, Any]
    wavelength: float = 0.0
    tied: bool = False
    window: int | None = None


def lowest(base: float, width: int = 16) -> float:
    """1 / theta of the last of width / 2 rotated pairs."""
    return base ** ((width - 2) / width)
