"""Bytes as tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.models.tokenizers.byte_level import BYTE_VOCABULARY, SPECIALS, byte_tokenizer, holds_tokenizer


@pytest.mark.parametrize("text", ["plain", " two  spaces ", "naïve\t世界\n🦜", "".join(map(chr, range(256)))])
def test_any_text_is_its_bytes_and_comes_back(text: str) -> None:
    tokenizer = byte_tokenizer()
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert ids == [len(SPECIALS) + byte for byte in text.encode()]
    assert tokenizer.decode(ids) == text


def test_its_special_tokens_come_first() -> None:
    tokenizer = byte_tokenizer()
    assert len(tokenizer) == BYTE_VOCABULARY == 259
    assert (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id) == (0, 1, 2)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer.model", "qwen.tiktoken", "vocab.json", "merges.txt"])
def test_any_file_of_a_tokenizer_is_seen(name: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").touch()
    assert not holds_tokenizer(tmp_path)
    (tmp_path / name).touch()
    assert holds_tokenizer(tmp_path)
