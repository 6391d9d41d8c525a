"""The config.json of Llama, Mistral and Qwen, key by key as they were published."""

from __future__ import annotations

from helpers.published_shapes import GROUPED, LLAMA, QWEN2, ROUTED, SIZES, Published, lowest

LLAMAS_AND_QWENS = {
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
}
