"""SentencePiece models: the ids of SentencePiece itself, or a refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sentencepiece

from helpers.original_tokenizers import ids
from helpers.small_vocabularies import LLAMA_OPTIONS, sentencepiece_model, texts
from mft_core.errors import MftError
from mft_core.models.tokenizers.loading import load_tokenizer_files


def equal_scores(proto: Any) -> None:
    """Llama's runs of spaces: all of one score, below everything else."""
    taken = {piece.piece for piece in proto.pieces}
    for length in range(1, 17):
        name = "\u2581" * length
        if name in taken:
            next(piece for piece in proto.pieces if piece.piece == name).score = -1e9
        else:
            proto.pieces.add(piece=name, score=-1e9, type=1)


@pytest.mark.parametrize(
    ("options", "change"),
    [
        (LLAMA_OPTIONS, None),
        (LLAMA_OPTIONS, equal_scores),
        ({**LLAMA_OPTIONS, "add_dummy_prefix": False}, None),
        ({**LLAMA_OPTIONS, "remove_extra_whitespaces": True}, None),
        ({**LLAMA_OPTIONS, "byte_fallback": False}, None),
        ({"normalization_rule_name": "nmt_nfkc"}, None),
    ],
    ids=["llama", "runs-of-spaces", "no-prefix", "squeezed", "unknown", "normalised"],
)
def test_ids_are_those_of_sentencepiece(options: dict[str, Any], change: Any, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(sentencepiece_model(change=change, **options))
    tokenizer = load_tokenizer_files(tmp_path)
    reference = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    assert len(tokenizer) == reference.vocab_size()
    assert tokenizer.is_fast
    for text in texts():
        assert ids(tokenizer, text) == reference.encode(text), repr(text)


def test_text_comes_back(folder: Path) -> None:
    tokenizer = load_tokenizer_files(folder)
    for text in texts():
        assert tokenizer.decode(ids(tokenizer, text)) == text.replace("\u2581", " ")


@pytest.mark.parametrize("prefix", [False, True])
def test_user_defined_pieces_are_found_in_text(prefix: bool, tmp_path: Path) -> None:
    options = {**LLAMA_OPTIONS, "user_defined_symbols": ["@@", "\n\n"], "add_dummy_prefix": prefix}
    (tmp_path / "tokenizer.model").write_bytes(sentencepiece_model(**options))
    tokenizer = load_tokenizer_files(tmp_path)
    reference = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    for text in ("a@@b", "a @@ b@@@@\n\n\nc", "x\n\ny"):
        assert ids(tokenizer, text) == reference.encode(text), repr(text)


def test_what_looks_like_a_control_token_is_one_however_it_is_declared(tmp_path: Path) -> None:
    options = {**LLAMA_OPTIONS, "user_defined_symbols": ["<reserved_1>"], "control_symbols": ["[sep]"]}
    (tmp_path / "tokenizer.model").write_bytes(sentencepiece_model(**options))
    tokenizer = load_tokenizer_files(tmp_path)
    controls = [tokenizer.convert_tokens_to_ids(name) for name in ("<reserved_1>", "[sep]")]
    assert not set(controls) & set(ids(tokenizer, "a<reserved_1>b[sep]"))
    read = tokenizer("a<reserved_1>b[sep]", add_special_tokens=False, split_special_tokens=False)["input_ids"]
    assert [token for token in read if token in controls] == controls


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model_type": "unigram"}, "not byte-pair encoding"),
        ({**LLAMA_OPTIONS, "treat_whitespace_as_suffix": True}, "spaces at the end of words"),
    ],
)
def test_a_model_that_cannot_be_followed_exactly_is_refused(
    options: dict[str, Any], words: str, tmp_path: Path
) -> None:
    (tmp_path / "tokenizer.model").write_bytes(sentencepiece_model(**options))
    with pytest.raises(MftError, match=words):
        load_tokenizer_files(tmp_path)


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"\xff\xff"])
def test_a_damaged_model_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(content)
    with pytest.raises(MftError, match=r"tokenizer\.model"):
        load_tokenizer_files(tmp_path)
