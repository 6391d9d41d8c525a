"""GLM-10B's tokenizer: GPT-2's vocabulary (vocab.json, merges.txt) with GLM's control tokens in added_tokens.json."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

START, END = "<|startofpiece|>", "<|endofpiece|>"
MASKS = ("[gMASK]", "[MASK]", "[sMASK]")
TEXT_END = "<|endoftext|>"

CHAT_TEMPLATE = (
    "[CLS]{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}{{ message['content'] + '<|endofpiece|>' }}"
    "{% elif message['role'] == 'user' %}{{ message['content'] + ' [gMASK]<|endoftext|><|startofpiece|>' }}"
    "{% else %}{{ message['content'] + '\n' }}{% endif %}"
    "{% endfor %}"
)
"""A question is a text with a blank at its end, as `build_inputs_for_generation` of the original lays it out. It asks
for an answer wherever a user's turn ends."""


def holds_original(folder: Path) -> bool:
    """Whether the tokenizer in `folder` is GPT-2's, without a tokenizer.json."""
    files = {name: (folder / name).is_file() for name in ("tokenizer.json", "vocab.json", "merges.txt")}
    return files == {"tokenizer.json": False, "vocab.json": True, "merges.txt": True}


def read_original(folder: Path) -> PreTrainedTokenizerBase:
    """The original tokenizer, fast; the class in its tokenizer_config.json, which is remote code, is not looked at."""
    from transformers import GPT2Tokenizer

    tokenizer = GPT2Tokenizer.from_pretrained(folder, pad_token=TEXT_END)
    own = [name for name in ("[CLS]", *MASKS, START, END) if name in tokenizer.get_vocab()]
    tokenizer.add_tokens(own, special_tokens=True)
    if START in own and tokenizer.chat_template is None:
        tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
