"""Baichuan and Baichuan 2: original checkpoints converted, 13B models that were saved after tuning as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_baichuan.original import First7B, First13B, Second7B, Second13B
from mft_core.interfaces import ModelAdapter
from mft_core.models.adapter import TINY_SIZES

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

    from mft_core.models.tokenizers.family import TokenizerFamily


class Baichuan(ModelAdapter):
    """7B: loads as Llama, and is one once saved. 13B: Llama with ALiBi, under a model type of this plugin's."""

    lora_targets = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    native_types = ("baichuan_alibi",)
    formats = (First7B(), First13B(), Second7B(), Second13B())

    def native_config(self, config: Mapping[str, Any], folder: Path) -> PreTrainedConfig:
        """The native configuration of the checkpoint in `folder`."""
        import mft_baichuan.alibi  # noqa: F401 - makes its model type known

        return super().native_config(config, folder)

    def tiny_config(self, vocabulary_size: int) -> PreTrainedConfig:
        """A 13B of two layers of width 64; four heads."""
        from mft_baichuan.alibi import BaichuanAlibiConfig

        return BaichuanAlibiConfig(vocab_size=vocabulary_size, **TINY_SIZES)

    def tokenizer_family(self, folder: Path) -> TokenizerFamily:
        """No beginning token; turns open with reserved tokens."""
        from mft_baichuan.tokenizer import tokenizer_family

        return tokenizer_family(folder)

    def recognizes_tokenizer(self, folder: Path) -> bool:
        """Baichuan's vocabularies have reserved tokens where others have bytes."""
        from mft_baichuan.tokenizer import chat_tokens

        return bool(chat_tokens(folder))
