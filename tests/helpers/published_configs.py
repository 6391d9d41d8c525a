"""The config.json of published checkpoints, key by key as they were published, in sizes that run in a moment."""

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


NATIVE = {
    "llama-1": Published(
        "llama", "LlamaForCausalLM", {**SIZES, **LLAMA, "max_position_embeddings": 2048}, lowest(10000)
    ),
    "llama-2": Published(
        "llama", "LlamaForCausalLM", {**GROUPED, **LLAMA, "pretraining_tp": 1, "rope_scaling": None}, lowest(10000)
    ),
    "llama-3": Published("llama", "LlamaForCausalLM", {**GROUPED, **LLAMA, "rope_theta": 500000.0}, lowest(500000)),
    "llama-3.2": Published(
        "llama",
        "LlamaForCausalLM",
        {
            **GROUPED,
            **LLAMA,
            "head_dim": 16,
            "eos_token_id": [2, 3],
            "tie_word_embeddings": True,
            "rope_theta": 500000.0,
            "max_position_embeddings": 131072,
            "rope_scaling": {
                "rope_type": "llama3",
                "factor": 32.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192,
            },
        },
        32 * lowest(500000),
        tied=True,
    ),
    "codellama": Published("llama", "LlamaForCausalLM", {**SIZES, **LLAMA, "rope_theta": 1000000}, lowest(1000000)),
    "deepseek-coder": Published(
        "llama",
        "LlamaForCausalLM",
        {**SIZES, **LLAMA, "rope_theta": 100000, "rope_scaling": {"factor": 4.0, "type": "linear"}},
        4 * lowest(100000),
    ),
    "smollm2": Published(
        "llama",
        "LlamaForCausalLM",
        {
            **GROUPED,
            **LLAMA,
            "is_llama_config": True,
            "rope_interleaved": False,
            "rope_theta": 100000,
            "tie_word_embeddings": True,
        },
        lowest(100000),
        tied=True,
    ),
    "mistral-0.1": Published(
        "llama",
        "MistralForCausalLM",
        {**GROUPED, "model_type": "mistral", "sliding_window": 5, "rope_theta": 10000.0},
        lowest(10000),
        window=5,
    ),
    "mistral-0.3": Published(
        "llama",
        "MistralForCausalLM",
        {**GROUPED, "model_type": "mistral", "sliding_window": None, "rope_theta": 1000000.0},
        lowest(1000000),
    ),
    "mixtral": Published(
        "llama",
        "MixtralForCausalLM",
        {
            **GROUPED,
            "model_type": "mixtral",
            "num_local_experts": 4,
            "num_experts_per_tok": 2,
            "router_aux_loss_coef": 0.02,
            "sliding_window": None,
            "rope_theta": 1000000.0,
        },
        lowest(1000000),
    ),
    "qwen-1.5": Published("qwen", "Qwen2ForCausalLM", {**QWEN2, "model_type": "qwen2"}, lowest(1000000)),
    "qwen-2.5": Published(
        "qwen", "Qwen2ForCausalLM", {**QWEN2, "model_type": "qwen2", "tie_word_embeddings": True}, lowest(1000000), True
    ),
    "qwen-1.5-moe": Published(
        "qwen",
        "Qwen2MoeForCausalLM",
        {
            **QWEN2,
            **ROUTED,
            "model_type": "qwen2_moe",
            "shared_expert_intermediate_size": 64,
            "decoder_sparse_step": 1,
            "norm_topk_prob": False,
        },
        lowest(1000000),
    ),
    "qwen-3": Published(
        "qwen",
        "Qwen3ForCausalLM",
        {
            **QWEN2,
            "model_type": "qwen3",
            "head_dim": 32,
            "attention_bias": False,
            "sliding_window": None,
            "tie_word_embeddings": True,
        },
        lowest(1000000, 32),
        tied=True,
    ),
    "qwen-3-moe": Published(
        "qwen",
        "Qwen3MoeForCausalLM",
        {
            **QWEN2,
            **ROUTED,
            "model_type": "qwen3_moe",
            "head_dim": 32,
            "sliding_window": None,
            "norm_topk_prob": True,
            "mlp_only_layers": [],
        },
        lowest(1000000, 32),
    ),
    "glm-4-hf": Published(
        "chatglm",
        "GlmForCausalLM",
        {
            **GROUPED,
            "architectures": ["GlmForCausalLM"],
            "model_type": "glm",
            "attention_bias": True,
            "head_dim": 16,
            "partial_rotary_factor": 0.5,
            "rope_theta": 5000000.0,
            "rms_norm_eps": 1.5625e-07,
            "pad_token_id": 0,
        },
        lowest(5000000, 8),
    ),
    "glm-4-0414": Published(
        "chatglm",
        "Glm4ForCausalLM",
        {
            **GROUPED,
            "architectures": ["Glm4ForCausalLM"],
            "model_type": "glm4",
            "attention_bias": False,
            "head_dim": 16,
            "hidden_act": "silu",
            "partial_rotary_factor": 0.5,
            "rope_theta": 10000.0,
            "pad_token_id": 0,
        },
        lowest(10000, 8),
    ),
    "starcoder": Published(
        "starcoder",
        "GPTBigCodeForCausalLM",
        {
            "model_type": "gpt_bigcode",
            "activation_function": "gelu",
            "attention_softmax_in_fp32": True,
            "inference_runner": 0,
            "multi_query": True,
            "n_embd": 64,
            "n_head": 4,
            "n_inner": 256,
            "n_layer": 2,
            "n_positions": 64,
            "scale_attn_weights": True,
            "vocab_size": VOCABULARY,
            "bos_token_id": 0,
            "eos_token_id": 0,
        },
        tied=True,
    ),
    "starcoder2": Published(
        "starcoder",
        "Starcoder2ForCausalLM",
        {
            **GROUPED,
            "model_type": "starcoder2",
            "mlp_type": "default",
            "norm_type": "layer_norm",
            "norm_epsilon": 1e-5,
            "use_bias": True,
            "sliding_window": 5,
            "rope_theta": 999999.4420358813,
        },
        lowest(999999.4420358813),
        tied=True,
        window=5,
    ),
    "pythia": Published(
        "gpt_neox",
        "GPTNeoXForCausalLM",
        {
            **SIZES,
            "model_type": "gpt_neox",
            "hidden_act": "gelu",
            "rotary_pct": 0.25,
            "rotary_emb_base": 10000,
            "use_parallel_residual": True,
            "tie_word_embeddings": False,
        },
        lowest(10000, 4),
    ),
    "codefuse-13b": Published(
        "gpt_neox",
        "GPTNeoXForCausalLM",
        {
            **SIZES,
            "architectures": ["GPTNeoXForCausalLM"],
            "model_type": "gpt_neox",
            "hidden_act": "gelu_fast",
            "rotary_pct": 1.0,
            "rotary_emb_base": 40000,
            "use_parallel_residual": False,
        },
        lowest(40000),
    ),
    "phi-2": Published(
        "phi",
        "PhiForCausalLM",
        {**SIZES, "model_type": "phi", "hidden_act": "gelu_new", "partial_rotary_factor": 0.5, "qk_layernorm": False},
        lowest(10000, 8),
    ),
    "phi-3": Published(
        "phi",
        "Phi3ForCausalLM",
        {
            **SIZES,
            "model_type": "phi3",
            "auto_map": {"AutoModelForCausalLM": "modeling_phi3.Phi3ForCausalLM"},
            "pad_token_id": 0,
            "sliding_window": 5,
            "rope_scaling": None,
            "original_max_position_embeddings": 4096,
        },
        lowest(10000),
        window=5,
    ),
    "phi-4-mini": Published(
        "phi",
        "Phi3ForCausalLM",
        {
            **GROUPED,
            "model_type": "phi3",
            "pad_token_id": 0,
            "sliding_window": 262144,
            "partial_rotary_factor": 0.75,
            "tie_word_embeddings": True,
            "max_position_embeddings": 131072,
            "original_max_position_embeddings": 4096,
            "rope_scaling": {"type": "longrope", "short_factor": [1.0] * 5 + [3.0], "long_factor": [8.0] * 6},
        },
        3 * lowest(10000, 12),
        tied=True,
        window=262144,
    ),
    "gemma": Published(
        "gemma",
        "GemmaForCausalLM",
        {**GROUPED, "model_type": "gemma", "hidden_act": "gelu", "head_dim": 16, "pad_token_id": 0},
        lowest(10000),
        tied=True,
    ),
    "gemma-2": Published(
        "gemma",
        "Gemma2ForCausalLM",
        {
            **GROUPED,
            "model_type": "gemma2",
            "hidden_activation": "gelu_pytorch_tanh",
            "head_dim": 16,
            "pad_token_id": 0,
            "query_pre_attn_scalar": 24,
            "attn_logit_softcapping": 50.0,
            "final_logit_softcapping": 30.0,
            "sliding_window": 5,
            "cache_implementation": "hybrid",
        },
        lowest(10000),
        tied=True,
        window=5,
    ),
    "gemma-3": Published(
        "gemma",
        "Gemma3ForCausalLM",
        {
            **GROUPED,
            "model_type": "gemma3_text",
            "hidden_activation": "gelu_pytorch_tanh",
            "head_dim": 16,
            "pad_token_id": 0,
            "query_pre_attn_scalar": 24,
            "sliding_window": 5,
            "sliding_window_pattern": 2,
            "rope_local_base_freq": 10000,
            "rope_theta": 1000000,
        },
        lowest(1000000),
        tied=True,
        window=5,
    ),
    "deepseek-v2": Published(
        "deepseek",
        "DeepseekV2ForCausalLM",
        {
            **DEEPSEEK,
            "model_type": "deepseek_v2",
            "q_lora_rank": None,
            "scoring_func": "softmax",
            "topk_method": "greedy",
            "norm_topk_prob": False,
            "n_group": 1,
            "topk_group": 1,
            "aux_loss_alpha": 0.001,
            "rope_scaling": {**YARN, "mscale": 0.707, "mscale_all_dim": 0.707},
        },
        40 * lowest(10000),
    ),
    "deepseek-v3": Published(
        "deepseek",
        "DeepseekV3ForCausalLM",
        {
            **DEEPSEEK,
            "model_type": "deepseek_v3",
            "q_lora_rank": 32,
            "scoring_func": "sigmoid",
            "topk_method": "noaux_tc",
            "norm_topk_prob": True,
            "n_group": 2,
            "topk_group": 1,
            "num_nextn_predict_layers": 1,
            "rope_scaling": {**YARN, "mscale": 1.0, "mscale_all_dim": 1.0},
        },
        40 * lowest(10000),
    ),
}
"""Those whose classes transformers has."""

CONVERTED = {
    "qwen-7b": Published("qwen", "Qwen2ForCausalLM", QWEN_V1, lowest(10000)),
    "qwen-72b": Published(
        "qwen",
        "Qwen2ForCausalLM",
        {**QWEN_V1, "rotary_emb_base": 1000000, "use_dynamic_ntk": False, "seq_length": 32768},
        lowest(1000000),
    ),
    "baichuan-7b": Published(
        "baichuan",
        "LlamaForCausalLM",
        {**BAICHUAN, "architectures": ["BaiChuanForCausalLM"], "max_position_embeddings": 4096},
        lowest(10000),
    ),
    "baichuan2-7b": Published(
        "baichuan",
        "LlamaForCausalLM",
        {**BAICHUAN, "max_position_embeddings": 4096, "model_max_length": 4096, "vocab_size": 125_696},
        lowest(10000),
    ),
    "baichuan-13b": Published("baichuan", "BaichuanAlibiForCausalLM", {**BAICHUAN, "model_max_length": 4096}),
    "baichuan2-13b": Published(
        "baichuan", "BaichuanAlibiForCausalLM", {**BAICHUAN, "model_max_length": 4096, "z_loss_weight": 0}
    ),
    "chatglm2": Published("chatglm", "GlmForCausalLM", CHATGLM, lowest(10000, 8)),
    "chatglm2-32k": Published(
        "chatglm",
        "GlmForCausalLM",
        {**CHATGLM, "_name_or_path": "THUDM/chatglm2-6b-32k", "rope_ratio": 16},
        16 * lowest(10000, 8),
    ),
    "chatglm3": Published("chatglm", "GlmForCausalLM", {**CHATGLM, "classifier_dropout": None}, lowest(10000, 8)),
    "chatglm3-32k": Published(
        "chatglm", "GlmForCausalLM", {**CHATGLM, "classifier_dropout": None, "rope_ratio": 50}, lowest(500000, 8)
    ),
    "codegeex2": Published(
        "chatglm",
        "GlmForCausalLM",
        {**CHATGLM, "interleaved_qkv": False, "rotary_percent": 0.5, "apply_query_key_layer_scaling": False},
        lowest(10000, 8),
    ),
    "glm-4": Published(
        "chatglm",
        "GlmForCausalLM",
        {**CHATGLM, "classifier_dropout": None, "rope_ratio": 500, "layernorm_epsilon": 1.5625e-07},
        lowest(5000000, 8),
    ),
    "glm-10b": Published("glm", "BlockGlmForCausalLM", GLM_10B, tied=True),
}
"""Those that are converted while they load."""

PUBLISHED = {**NATIVE, **CONVERTED}
