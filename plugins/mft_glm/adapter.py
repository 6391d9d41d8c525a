"""The GLM of 2022: original checkpoints converted, tuned ones as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_core.interfaces import ModelAdapter
from mft_core.models.adapter import NO_TOKEN_IDS, TINY_SIZES
from mft_glm.original import GlmOriginal

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedTokenizerBase

    from mft_glm.modeling import BlockGlmConfig


class Glm(ModelAdapter):
    """Prompts are read in both directions and answers written at the place of a mask token.

    Where a text's prompt ends is read off its tokens, in training, packed or not, as in generation. Texts without
    `<|startofpiece|>` are read from left to right, as in any other model.
    """

    lora_targets = ("q_proj", "k_proj", "v_proj", "o_proj", "c_fc", "c_proj")
    native_types = ("block_glm",)
    formats = (GlmOriginal(),)

    def native_config(self, config: Mapping[str, Any], folder: Path) -> PreTrainedConfig:
        """The native configuration, with the ids of the tokens by which prompts and answers are told apart."""
        import mft_glm.modeling  # noqa: F401 - makes its model type known

        return self._with_markers(super().native_config(config, folder), folder)

    def load_tokenizer(self, folder: Path) -> PreTrainedTokenizerBase:
        """The checkpoint's tokenizer, fast, without remote code."""
        from mft_glm.tokenizer import holds_original, read_original

        return read_original(folder) if holds_original(folder) else super().load_tokenizer(folder)

    def tiny_config(self, vocabulary_size: int) -> PreTrainedConfig:
        """Two layers of width 64; four heads."""
        from mft_glm.modeling import BlockGlmConfig

        return BlockGlmConfig(
            vocab_size=vocabulary_size,
            num_key_value_heads=4,
            hidden_act="gelu",
            **{**TINY_SIZES, "intermediate_size": 256},
            **NO_TOKEN_IDS,
        )

    def _with_markers(self, config: BlockGlmConfig, folder: Path) -> BlockGlmConfig:
        """The configuration, with the ids that an original checkpoint leaves to its tokenizer."""
        from mft_glm.tokenizer import MASKS, START, holds_original

        if config.start_token_id is None and holds_original(folder):
            vocabulary = self.load_tokenizer(folder).get_vocab()
            config.start_token_id = vocabulary.get(START)
            config.mask_token_ids = [vocabulary[name] for name in MASKS if name in vocabulary]
        return config
