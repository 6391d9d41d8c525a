"""A tokenizer for which text is text, and which others load as an ordinary one."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoTokenizer

from mft_core.models.tokenizers.plain_text import PlainTextTokenizer
from mft_core.testing.small_tokenizers import small_tokenizer

TEMPLATE = "{{ messages[0].content }}<|endoftext|>"


def plain_text() -> PlainTextTokenizer:
    original = small_tokenizer()
    return PlainTextTokenizer(
        tokenizer_object=original.backend_tokenizer, eos_token=original.eos_token, chat_template=TEMPLATE
    )


def test_control_tokens_are_read_in_templates_only() -> None:
    tokenizer = plain_text()
    end = tokenizer.eos_token_id
    assert end not in tokenizer("a<|endoftext|>")["input_ids"]
    assert end in tokenizer("a<|endoftext|>", split_special_tokens=False)["input_ids"]
    ids = tokenizer.apply_chat_template([{"role": "user", "content": "a"}])["input_ids"]
    assert ids[-1] == end
    assert tokenizer.decode(tokenizer("a<|endoftext|>")["input_ids"]) == "a<|endoftext|>"


def test_what_is_saved_is_an_ordinary_tokenizer(tmp_path: Path) -> None:
    tokenizer = plain_text()
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert type(again) is not PlainTextTokenizer
    assert "PlainText" not in (tmp_path / "tokenizer_config.json").read_text()
    assert again.get_vocab() == tokenizer.get_vocab()
    assert again("a<|endoftext|>")["input_ids"][-1] == tokenizer.eos_token_id
    assert type(tokenizer) is PlainTextTokenizer
