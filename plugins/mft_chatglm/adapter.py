"""ChatGLM: GLM-4 as transformers has it natively, everything older converted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_chatglm.original import ChatGLMOriginal
from mft_core.interfaces import ModelAdapter
from mft_core.models.adapter import TINY_SIZES

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedTokenizerBase

    from mft_core.models.tokenizers.family import TokenizerFamily

OTHER_GLM_KEYS = ("block_position_encoding", "relative_encoding")
"""The GLM of 2022, whose configurations have the same `model_type` and none of GLM-4's shape."""


class ChatGLM(ModelAdapter):
    """Llama's shape with rotary positions on half of every head, and gate and up projection in one matrix.

    GLM-4-0414 (`glm4`) normalises what attention and MLP give as well.
    """

    lora_targets = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_up_proj", "down_proj")
    native_types = ("glm", "glm4")
    formats = (ChatGLMOriginal(),)

    def recognizes(self, config: Mapping[str, Any]) -> bool:
        """Native GLM-4 and `model_type` chatglm; not the GLM of 2022, which is called glm as well."""
        return super().recognizes(config) and not any(key in config for key in OTHER_GLM_KEYS)

    def tiny_config(self, vocabulary_size: int) -> PreTrainedConfig:
        """Two layers of width 64, two key-value heads for four heads."""
        from transformers import GlmConfig

        return GlmConfig(
            vocab_size=vocabulary_size,
            num_key_value_heads=2,
            head_dim=16,
            pad_token_id=0,
            eos_token_id=1,
            **TINY_SIZES,
        )

    def load_tokenizer(self, folder: Path) -> PreTrainedTokenizerBase:
        """The checkpoint's tokenizer, fast, without remote code."""
        from mft_chatglm.tokenizer import with_our_names

        tokenizer = super().load_tokenizer(folder)
        tokenizer.chat_template = with_our_names(tokenizer.chat_template)
        return tokenizer

    def tokenizer_family(self, folder: Path) -> TokenizerFamily:
        """Of ChatGLM2 (and CodeGeeX2), ChatGLM3 or GLM-4."""
        from mft_chatglm.tokenizer import tokenizer_family

        return tokenizer_family(folder)

    def recognizes_tokenizer(self, folder: Path) -> bool:
        """ChatGLM2, ChatGLM3 and CodeGeeX2 share one vocabulary."""
        from mft_chatglm.tokenizer import shares_vocabulary

        return shares_vocabulary(folder)
