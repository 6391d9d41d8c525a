"""Files of tiktoken ranks."""

from __future__ import annotations

import base64
import unicodedata
from pathlib import Path

import pytest
import regex

from helpers.original_tokenizers import RANKS, ids
from helpers.small_vocabularies import byte_pair_ids, texts
from mft_core.errors import MftError
from mft_core.models.tokenizers.loading import load_tokenizer_files
from mft_qwen.tokenizer import QWEN_V1


@pytest.mark.parametrize("name", ["qwen.tiktoken", "tokenizer.model"])
def test_ids_are_those_of_tiktoken(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(RANKS)
    tokenizer = load_tokenizer_files(tmp_path, lambda _: QWEN_V1)
    ranks = {base64.b64decode(line.split()[0]): rank for rank, line in enumerate(RANKS.splitlines())}
    assert tokenizer.convert_tokens_to_ids("<|im_start|>") == len(ranks) + 1
    words = regex.compile(QWEN_V1.pattern)
    for text in texts():
        expected = byte_pair_ids(ranks, words.findall(unicodedata.normalize("NFC", text)))
        assert ids(tokenizer, text) == expected, repr(text)
        assert tokenizer.decode(expected) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("damage", "words"), [(b"?? 3\n", r":4: no tiktoken rank"), (b"AAAA 4\n", r":4: the rank is 4 where 3")]
)
def test_damaged_ranks_are_named(damage: bytes, words: str, tmp_path: Path) -> None:
    lines = RANKS.splitlines(keepends=True)
    (tmp_path / "qwen.tiktoken").write_bytes(b"".join([*lines[:3], damage, *lines[4:]]))
    with pytest.raises(MftError, match=words):
        load_tokenizer_files(tmp_path, lambda _: QWEN_V1)
