"""What ends an answer, gathered from all who say so, and written for transformers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import GenerationConfig

from helpers.tiny_models import load_tiny
from mft_core.models.end_tokens import end_tokens, read_end_tokens, write_end_tokens
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_core.testing.tuned_models import tuned_model
from mft_tokenization.templates import CHATML
from mft_tokenization.tokenizations import Chat


@pytest.mark.parametrize(("named", "more"), [(None, ()), (0, ()), (7, (7,)), ([8, 0, 7], (8, 7))])
def test_ends_of_the_template_the_tokenizer_and_the_base_are_one_list(
    named: int | list[int] | None, more: tuple[int, ...], tmp_path: Path
) -> None:
    tokenizer = small_tokenizer(chat_template=CHATML)
    chat = Chat()
    chat.bind(tokenizer)
    model = load_tiny("llama", tmp_path)
    model.generation_config.eos_token_id = named
    trained, own = (tokenizer.convert_tokens_to_ids(token) for token in ("<|im_end|>", "<|endoftext|>"))
    assert own == 0
    assert end_tokens(model, tokenizer, chat) == (trained, own, *more)
    assert end_tokens(tuned_model(model, method="lora", rank=2), tokenizer, chat) == (trained, own, *more)
    assert end_tokens(model, tokenizer) == (own, *more)


def test_only_the_end_tokens_of_a_folder_change(tmp_path: Path) -> None:
    # Published so, with flags that contradict each other and the mark of a derived file.
    published = {"temperature": 0.9, "do_sample": False, "eos_token_id": 0, "_from_model_config": True}
    (tmp_path / "generation_config.json").write_text(json.dumps(published))
    write_end_tokens(tmp_path, ())
    assert json.loads((tmp_path / "generation_config.json").read_text()) == published
    write_end_tokens(tmp_path, (2, 0))
    assert GenerationConfig.from_pretrained(tmp_path).eos_token_id == [2, 0] == list(read_end_tokens(tmp_path))
    assert json.loads((tmp_path / "generation_config.json").read_text()) == {
        "temperature": 0.9, "do_sample": False, "eos_token_id": [2, 0],
    }  # fmt: skip


def test_a_folder_without_generation_settings_gets_some(tmp_path: Path) -> None:
    assert read_end_tokens(tmp_path) == ()
    write_end_tokens(tmp_path, (5,))
    assert read_end_tokens(tmp_path) == (5,)
