"""A vocabulary file, its settings and its family to one tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.original_tokenizers import RANKS, write_settings
from mft_core.errors import MftError
from mft_core.models.tokenizers.assembling import read_original, vocabulary_file
from mft_core.models.tokenizers.family import TokenizerFamily


def test_ranks_come_before_a_sentencepiece_model(folder: Path) -> None:
    assert vocabulary_file(folder) == folder / "tokenizer.model"
    (folder / "own.tiktoken").write_bytes(RANKS)
    assert vocabulary_file(folder) == folder / "own.tiktoken"


def test_without_a_vocabulary_it_says_what_is_missing(tmp_path: Path) -> None:
    assert vocabulary_file(tmp_path) is None
    with pytest.raises(MftError, match=r"no tokenizer\.json, no tokenizer\.model and no \*\.tiktoken"):
        read_original(tmp_path, TokenizerFamily())


def test_the_family_gives_what_the_file_does_not_say(folder: Path) -> None:
    plain = read_original(folder, TokenizerFamily())
    family = TokenizerFamily(appended=("[gMASK]", "<end>"), controls=("[gMASK]", "<end>"), end="<end>", padding="<end>")
    own = read_original(folder, family)
    assert len(own) == len(plain) + 2
    assert (own.eos_token, own.pad_token) == ("<end>", "<end>")
    assert own.convert_tokens_to_ids("[gMASK]") == len(plain)
    beginning = read_original(folder, TokenizerFamily(beginning=("</s>", "<s>")))
    assert beginning.convert_ids_to_tokens(beginning("a")["input_ids"][:2]) == ["</s>", "<s>"]


def test_the_settings_win_over_the_family(folder: Path) -> None:
    family = TokenizerFamily(appended=("<end>",), controls=("<end>",), end="<end>")
    write_settings(folder, special_tokens_map={"eos_token": "</s>"}, tokenizer_config={"add_bos_token": False})
    tokenizer = read_original(folder, family)
    assert tokenizer.eos_token == "</s>"
    assert tokenizer("a")["input_ids"] == tokenizer("a", add_special_tokens=False)["input_ids"]
