"""Text as its UTF-8 bytes: for small test checkpoints, which come without any tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SPECIALS = ("<pad>", "<s>", "</s>")
"""Ids 0, 1 and 2, as in most SentencePiece vocabularies; the byte b is 3 + b."""

BYTE_VOCABULARY = len(SPECIALS) + 256
FILES = ("tokenizer*", "*.model", "*.tiktoken", "vocab*", "merges.txt")


def holds_tokenizer(folder: Path) -> bool:
    """Whether there is any file of a tokenizer in `folder`."""
    return any(any(folder.glob(pattern)) for pattern in FILES)


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer of `BYTE_VOCABULARY` tokens; any text comes back as it was."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = bytes_to_unicode()
    tokens = (*SPECIALS, *(letters[byte] for byte in range(256)))
    backend = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    padding, beginning, end = SPECIALS
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token=padding, bos_token=beginning, eos_token=end)
