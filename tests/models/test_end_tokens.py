"""What ends an answer, gathered from all who say so, and written for transformers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import GenerationConfig

from helpers.chat_bases import write_chat_base
from helpers.running import arguments, mft, write_tasks
from helpers.tiny_models import ADAPTERS, load_tiny
from mft_core.errors import MftError
from mft_core.models.end_tokens import end_tokens, read_end_tokens, write_end_tokens
from mft_core.models.loading import load_base
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


@pytest.mark.parametrize(
    "content", ['{"eos_token_id": ', "", "[]", "null", '{"eos_token_id": "two"}', '{"eos_token_id": [2, 1.5]}']
)
def test_damaged_generation_settings_are_named_before_a_model_loads(content: str, tmp_path: Path) -> None:
    load_tiny("llama", tmp_path)
    (tmp_path / "generation_config.json").write_text(content)
    with pytest.raises(MftError, match=r"generation_config\.json"):
        load_base(ADAPTERS["llama"], tmp_path, torch.float32)


def test_a_run_on_a_base_with_damaged_generation_settings_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_chat_base(tmp_path / "base")
    (tmp_path / "base" / "generation_config.json").write_text('{"eos_token_id": ')
    data = write_tasks(tmp_path / "data")
    assert mft(*arguments(data, tmp_path / "run", "--base", str(tmp_path / "base"), "--steps", "1")) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "generation_config.json is no valid JSON" in said
    assert "where the model was published" in said
    assert not (tmp_path / "run" / "final").exists()


def test_a_folder_without_generation_settings_gets_some(tmp_path: Path) -> None:
    assert read_end_tokens(tmp_path) == ()
    write_end_tokens(tmp_path, (5,))
    assert read_end_tokens(tmp_path) == (5,)
