"""A tokenizer for which text is text."""

from __future__ import annotations

import copy
import os
from typing import Any

from transformers import PreTrainedTokenizerFast


class PlainTextTokenizer(PreTrainedTokenizerFast):
    """Control tokens are recognised where a chat template writes them, and nowhere else.

    `tokenizer("</s>")` gives the tokens of four characters; `split_special_tokens=False` asks for transformers' usual
    reading. `save_pretrained` writes a tokenizer of the usual kind, since servers encode rendered chats as text.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.split_special_tokens = True

    def apply_chat_template(self, *args: Any, tokenizer_kwargs: dict[str, Any] | None = None, **options: Any) -> Any:
        """transformers' own, with the template's control tokens recognised."""
        return super().apply_chat_template(
            *args, tokenizer_kwargs={"split_special_tokens": False, **(tokenizer_kwargs or {})}, **options
        )

    def save_pretrained(self, save_directory: str | os.PathLike[str], *args: Any, **options: Any) -> tuple[str, ...]:
        """Files that AutoTokenizer loads anywhere."""
        usual = copy.copy(self)
        usual.__class__ = PreTrainedTokenizerFast
        return usual.save_pretrained(save_directory, *args, **options)
