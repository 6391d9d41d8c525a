"""The config.json of checkpoints that are converted while they load, key by key as they were published."""

from __future__ import annotations

from helpers.published_shapes import BAICHUAN, CHATGLM, GLM_10B, QWEN_V1, Published, lowest

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
