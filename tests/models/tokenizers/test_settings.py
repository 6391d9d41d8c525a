"""The settings beside a vocabulary."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helpers.original_tokenizers import ids, small_chatglm, write_settings
from mft_chatglm.adapter import ChatGLM
from mft_core.errors import MftError
from mft_core.models.loading import load_tokenizer as load_with
from mft_core.models.tokenizers.loading import load_tokenizer_files
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_llama.adapter import Llama


def test_the_settings_beside_a_vocabulary_count(folder: Path) -> None:
    size = len(load_tokenizer_files(folder))
    write_settings(
        folder,
        tokenizer_config={
            "auto_map": {"AutoTokenizer": ["code.Tokenizer", None]},
            "tokenizer_class": "Tokenizer",
            "add_bos_token": False,
            "add_eos_token": True,
            "model_max_length": 77,
            "bos_token": {"content": "<s>", "special": True},
            "chat_template": [{"name": "tools", "template": "no"}, {"name": "default", "template": "yes"}],
            "added_tokens_decoder": {str(size + 1): {"content": "<|end|>", "special": True}},
        },
        special_tokens_map={"pad_token": "<pad>", "eos_token": "</s>"},
        added_tokens={"<pad>": size},
    )
    tokenizer = load_with(Llama(), folder)
    assert tokenizer("a")["input_ids"] == [*ids(tokenizer, "a"), 2]
    assert (tokenizer.pad_token_id, tokenizer.model_max_length, tokenizer.chat_template) == (size, 77, "yes")
    assert tokenizer.convert_tokens_to_ids("<|end|>") == size + 1 == len(tokenizer) - 1
    assert size + 1 not in ids(tokenizer, "a<|end|>")


def test_a_chat_template_of_its_own_wins(tmp_path: Path) -> None:
    small_chatglm(tmp_path)
    own = "[gMASK]sop{{ messages[0].content }}"
    (tmp_path / "chat_template.jinja").write_text(own, encoding="utf-8")
    tokenizer = load_with(ChatGLM(), tmp_path)
    expected = tokenizer("hi")["input_ids"]
    assert tokenizer.apply_chat_template([{"role": "user", "content": "hi"}])["input_ids"] == expected
    assert tokenizer.convert_ids_to_tokens(expected[:2]) == ["[gMASK]", "<sop>"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *((name, '{"a": ') for name in ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")),
        *((name, "[]") for name in ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")),
        ("added_tokens.json", '{"<pad>": "seven"}'),
        ("chat_template.json", '{"chat_template": '),
        ("chat_template.jinja", ""),
        ("tokenizer.json", '{"version": "1.0", '),
    ],
)
def test_a_damaged_file_of_a_tokenizer_is_named(name: str, content: str, tmp_path: Path) -> None:
    small_tokenizer().save_pretrained(tmp_path)
    load_with(None, tmp_path)
    (tmp_path / name).write_text(content)
    with pytest.raises(MftError, match=re.escape(str(tmp_path / name))):
        load_with(None, tmp_path)


def test_settings_that_name_no_token_are_an_error_of_the_tokenizer(tmp_path: Path) -> None:
    small_tokenizer().save_pretrained(tmp_path)
    (tmp_path / "special_tokens_map.json").write_text('{"eos_token": 3}')
    with pytest.raises(MftError, match="cannot be loaded: Special token eos_token"):
        load_with(None, tmp_path)


def test_settings_of_another_vocabulary_are_refused(folder: Path) -> None:
    write_settings(folder, added_tokens={"</s>": 5000})
    with pytest.raises(MftError, match="several ids"):
        load_tokenizer_files(folder)
