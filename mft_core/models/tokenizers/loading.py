"""The tokenizer in a folder: from tokenizer.json by transformers' own loader, else from its original files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.models.tokenizers.family import TokenizerFamily

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def load_tokenizer_files(
    folder: Path, family_of: Callable[[Path], TokenizerFamily | None] = lambda _: None
) -> PreTrainedTokenizerBase:
    """The tokenizer in `folder`.

    A tokenizer.json comes first, then a SentencePiece model or a file of tiktoken ranks, then whatever else
    transformers reads (vocab.json with merges.txt). Code that a tokenizer_config.json names is never looked at.

    Args:
        family_of: what the family's own code adds to the vocabulary file in a folder; None: what Llama's does.

    Raises:
        MftError: a vocabulary file that cannot be read, or that needs what fast tokenizers do not have.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    from mft_core.models.tokenizers.assembling import read_original, vocabulary_file
    from mft_core.models.tokenizers.settings import wants_remote_code

    has_fast_file = (folder / "tokenizer.json").is_file()
    if not has_fast_file and vocabulary_file(folder) is not None:
        return read_original(folder, family_of(folder) or TokenizerFamily())
    if has_fast_file and wants_remote_code(folder):
        return PreTrainedTokenizerFast.from_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)


def piece_names(folder: Path) -> list[str]:
    """The pieces of the SentencePiece model in `folder`, by id; none where there is no such model."""
    from mft_core.models.tokenizers.assembling import vocabulary_file
    from mft_core.models.tokenizers.sentencepiece_models import read_piece_names
    from mft_core.models.tokenizers.tiktoken_ranks import holds_ranks

    path = vocabulary_file(folder)
    return [] if path is None or holds_ranks(path) else read_piece_names(path)
