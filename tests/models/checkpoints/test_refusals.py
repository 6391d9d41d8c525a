"""Checkpoints that no native model represents are refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.original_checkpoints import CHATGLM, QWEN
from helpers.tiny_models import ADAPTERS
from mft_core.errors import MftError
from mft_core.models.loading import load_base
from mft_core.models.recognition import recognize_adapter


@pytest.mark.parametrize(
    ("config", "changes", "expected"),
    [
        (QWEN, {"no_bias": False}, "Qwen v1 .* no_bias = False"),
        (QWEN, {"rotary_pct": 0.25}, "rotary_pct = 0.25"),
        (QWEN, {"scale_attn_weights": False}, "scale_attn_weights = False"),
        (QWEN, {"kv_channels": 32}, "kv_channels = 32"),
        (QWEN, {"visual": {"layers": 48}}, "visual, so inputs other than text"),
        (QWEN, {"n_embd": 4096}, "the configuration key n_embd of the first release"),
        (CHATGLM, {"rmsnorm": False}, "ChatGLM .* rmsnorm = False"),
        (CHATGLM, {"post_layer_norm": False}, "post_layer_norm = False"),
        (CHATGLM, {"add_bias_linear": True}, "add_bias_linear = True"),
        (CHATGLM, {"apply_residual_connection_post_layernorm": True}, "apply_residual_connection_post_layernorm"),
        (CHATGLM, {"original_rope": False}, "original_rope = False"),
        (CHATGLM, {"rotary_percent": 1.0}, "rotary_percent = 1.0"),
        (CHATGLM, {"quantization_bit": 4}, "quantization_bit = 4"),
        (CHATGLM, {"pre_seq_len": 128}, "pre_seq_len = 128"),
        (CHATGLM, {"vision_config": {}}, "inputs other than text"),
        (CHATGLM, {"position_encoding_2d": True, "inner_hidden_size": 16384}, "the first ChatGLM-6B"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) and len(value) < 4 else "",
)
def test_what_no_native_model_represents_is_refused_by_name(
    config: dict[str, Any], changes: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    changed = config | changes
    with pytest.raises(MftError, match=expected):
        recognize_adapter(ADAPTERS.items(), changed)
    (tmp_path / "config.json").write_text(json.dumps(changed))
    with pytest.raises(MftError, match=expected):
        load_base(ADAPTERS[config["model_type"]], tmp_path, torch.float32)
