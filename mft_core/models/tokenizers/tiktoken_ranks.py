"""Files of tiktoken ranks (qwen.tiktoken, GLM-4's tokenizer.model) as fast tokenizers with the same token ids."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.errors import MftError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

RANK_LINE = re.compile(rb"[A-Za-z0-9+/]+={0,2} \d+\r?\n")


def holds_ranks(path: Path) -> bool:
    """Whether a file is made of lines "BASE64 RANK"; some families call such a file tokenizer.model."""
    with path.open("rb") as stream:
        return RANK_LINE.fullmatch(stream.readline(1024)) is not None


def read_ranks(path: Path) -> list[bytes]:
    """Tokens in the order of their ranks, which are their ids.

    Raises:
        MftError: a line is wrong, or the ranks are not 0, 1, 2, ...
    """
    tokens = []
    for number, line in enumerate(path.read_bytes().splitlines()):
        try:
            encoded, rank = line.split()
            tokens.append(base64.b64decode(encoded, validate=True))
        except (ValueError, binascii.Error) as error:
            raise MftError(f"{path}:{number + 1}: no tiktoken rank: {error}", "Download the file again.") from error
        if int(rank) != number:
            raise MftError(f"{path}:{number + 1}: the rank is {int(rank)} where {number} should follow.")
    return tokens


def ranks_backend(count: int, names: Sequence[str], pattern: str, compose: bool) -> Tokenizer:
    """The fast tokenizer, without added tokens.

    Args:
        count: how many tokens have a rank.
        names: of all ids: `byte_names` of those tokens, and what is appended to them.
        pattern: regular expression of the words that text is cut into.
        compose: bring text into Unicode's composed form (NFC) first.
    """
    from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers
    from tokenizers.models import BPE

    vocabulary = {name: number for number, name in enumerate(names)}
    backend = Tokenizer(BPE(vocab=vocabulary, merges=_merges(names[:count]), ignore_merges=True))
    if compose:
        backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    return backend


def byte_names(tokens: Sequence[bytes]) -> list[str]:
    """Tokens as byte-level tokenizers write them: one printable character for every byte."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    characters = bytes_to_unicode()
    return [token.decode("latin-1").translate(characters) for token in tokens]


def _merges(names: Sequence[str]) -> list[tuple[str, str]]:
    """All ways to make a token of two tokens, lowest rank first: tiktoken merges any two neighbours."""
    known = set(names)
    return [
        (name[:cut], name[cut:])
        for name in names
        for cut in range(1, len(name))
        if name[:cut] in known and name[cut:] in known
    ]
