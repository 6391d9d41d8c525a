"""The bundled tokenizations: one machinery, several chat templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mft_core.errors import MftError
from mft_tokenization.beginning import beginning_text
from mft_tokenization.chat_tokenization import ChatTokenization
from mft_tokenization.templates import ALPACA, CHATML, MFTCODER

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Chat(ChatTokenization):
    """The tokenizer's own chat template."""

    def template(self, tokenizer: PreTrainedTokenizerBase) -> str:
        """The template that came with the tokenizer."""
        if tokenizer.chat_template is None:
            raise MftError(
                "This model's tokenizer has no chat template.",
                'Use data.tokenization = "mftcoder" (or "chatml", "alpaca").',
            )
        return tokenizer.get_chat_template()


class Auto(Chat):
    """The tokenizer's own chat template if it has one, else MFTCoder's roles."""

    def template(self, tokenizer: PreTrainedTokenizerBase) -> str:
        """The template that came with the tokenizer, or MFTCoder's."""
        return super().template(tokenizer) if tokenizer.chat_template is not None else _mftcoder(tokenizer)


class MftCoder(ChatTokenization):
    """MFTCoder's roles."""

    def template(self, tokenizer: PreTrainedTokenizerBase) -> str:
        """MFTCoder's template, which needs no token but the end token."""
        return _mftcoder(tokenizer)


class ChatMl(ChatTokenization):
    """ChatML, for tokenizers that have its two tokens."""

    def template(self, tokenizer: PreTrainedTokenizerBase) -> str:
        """The template, after the beginning token where the tokenizer adds one."""
        missing = [token for token in ("<|im_start|>", "<|im_end|>") if token not in tokenizer.get_vocab()]
        if missing:
            raise MftError(
                f"ChatML needs the token {missing[0]}, which this model's tokenizer does not have.",
                'Use data.tokenization = "mftcoder" or "alpaca".',
            )
        return beginning_text(tokenizer) + CHATML


class Alpaca(ChatTokenization):
    """Alpaca's headings."""

    def template(self, tokenizer: PreTrainedTokenizerBase) -> str:
        """The template, after the beginning token where the tokenizer adds one."""
        return beginning_text(tokenizer) + ALPACA


def _mftcoder(tokenizer: PreTrainedTokenizerBase) -> str:
    """MFTCoder's template, whose roles open with a beginning token of their own; ChatGLM's two come before it."""
    beginning = beginning_text(tokenizer)
    return MFTCODER if beginning == tokenizer.bos_token else beginning + MFTCODER
