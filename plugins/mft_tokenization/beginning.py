"""What a tokenizer begins every text with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def beginning_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """What the tokenizer puts before every text by itself: the beginning token, or nothing."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a")["input_ids"]
    starts = [start for start in range(len(full)) if full[start : start + len(bare)] == bare]
    return full[: starts[0]] if starts else []


def beginning_text(tokenizer: PreTrainedTokenizerBase) -> str:
    """What a template must write so that a text begins as the tokenizer begins it: `<s>` in Llama, `[gMASK]<sop>` in
    ChatGLM, or nothing.
    """
    return "".join(tokenizer.convert_ids_to_tokens(beginning_ids(tokenizer)))
