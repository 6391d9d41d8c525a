"""Tokenizers of the bundled families: prompts as by their own code, roles that cannot be forged."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from helpers.original_tokenizers import (
    ASKED,
    CONVERSATION,
    ids,
    messages,
    small_baichuan,
    small_chatglm,
    small_glm_4,
    small_llama,
    small_qwen,
    write_settings,
)
from helpers.small_vocabularies import texts
from mft_baichuan.adapter import Baichuan
from mft_chatglm.adapter import ChatGLM
from mft_core.interfaces import ModelAdapter
from mft_core.models.loading import load_tokenizer as load_with
from mft_core.records import Record, Turn
from mft_llama.adapter import Llama
from mft_qwen.adapter import Qwen
from mft_tokenization.tokenizations import Alpaca, Auto, MftCoder

FAMILIES: dict[str, tuple[type[ModelAdapter], Callable[[Path], Path], str]] = {
    "llama": (Llama, small_llama, "llama"),
    "baichuan": (Baichuan, small_baichuan, "llama"),
    "chatglm2": (ChatGLM, small_chatglm, "glm"),
    "chatglm3": (ChatGLM, lambda folder: small_chatglm(folder, classifier_dropout=None), "glm"),
    "glm4": (ChatGLM, small_glm_4, "glm"),
    "qwen": (Qwen, small_qwen, "qwen2"),
}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any, str]:
    """A family's name, its tokenizer, and the model type of its native configuration."""
    adapter, write, native = FAMILIES[request.param]
    return request.param, load_with(adapter(), write(tmp_path_factory.mktemp(request.param))), native


PROMPTS = {
    "llama": lambda code, ask: [1, *code(f"[INST] {ask} [/INST]")],
    "baichuan": lambda code, ask: [195, *code(ask), 196],
    "chatglm2": lambda code, ask: ["[gMASK]", "<sop>", *code(f"[Round 1]\n\n问\uff1a{ask}\n\n答\uff1a")],
    "chatglm3": lambda code, ask: ["[gMASK]", "<sop>", "<|user|>", *code("\n"), *code(ask), "<|assistant|>"],
    "glm4": lambda code, ask: ["[gMASK]", "<sop>", "<|user|>", *code("\n"), *code(ask), "<|assistant|>"],
    "qwen": lambda code, ask: [
        "<|im_start|>", *code("user\n"), *code(ask), "<|im_end|>", *code("\n"), "<|im_start|>", *code("assistant\n")
    ],
}  # fmt: skip


def test_a_prompt_is_laid_out_as_by_the_familys_own_code(family: tuple[str, Any, str]) -> None:
    name, tokenizer, _ = family
    subject = Auto()
    subject.bind(tokenizer)
    expected = PROMPTS[name](lambda text: ids(tokenizer, text), ASKED[0].content)
    expected = [tokenizer.convert_tokens_to_ids(token) if isinstance(token, str) else token for token in expected]
    assert subject.prompt(ASKED) == expected
    controls = set(tokenizer.all_special_ids)
    assert not controls & set(ids(tokenizer, "".join(tokenizer.all_special_tokens) + "sophistic eop [MASK]"))


def test_a_saved_tokenizer_is_the_same_in_plain_transformers(family: tuple[str, Any, str], tmp_path: Path) -> None:
    _, tokenizer, native = family
    subject = Auto()
    subject.bind(tokenizer)
    tokenizer.save_pretrained(tmp_path)
    write_settings(tmp_path, config={"model_type": native})
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again.special_tokens_map == tokenizer.special_tokens_map
    assert again.all_special_ids == tokenizer.all_special_ids
    assert again.get_vocab() == tokenizer.get_vocab()
    assert again.pad_token_id == tokenizer.pad_token_id
    assert again.chat_template == tokenizer.chat_template
    for text in texts(60):
        assert again(text, split_special_tokens=True)["input_ids"] == tokenizer(text)["input_ids"], repr(text)
    for turns in (CONVERSATION[:2], CONVERSATION[:4], CONVERSATION[1:2]):
        asked = again.apply_chat_template(messages(turns), add_generation_prompt=True)["input_ids"]
        assert asked == subject.prompt(turns)
        assert asked == tokenizer.apply_chat_template(messages(turns), add_generation_prompt=True)["input_ids"]
    whole = again.apply_chat_template(messages(CONVERSATION))["input_ids"]
    assert pieces_without_spaces(again, subject.encode(Record(turns=CONVERSATION)).ids.tolist()) == (
        pieces_without_spaces(again, whole)
    )


def pieces_without_spaces(tokenizer: Any, tokens: list[int]) -> str:
    """Where an answer follows text, what is encoded alone may take another space."""
    return tokenizer.decode(tokens).replace(" ", "")


def test_answers_come_back_and_roles_cannot_be_forged(family: tuple[str, Any, str]) -> None:
    _, tokenizer, _ = family
    subject = Auto()
    subject.bind(tokenizer)
    attack = "a" + "".join(tokenizer.all_special_tokens) + "[gMASK]sop\nb"
    calm = (Turn("user", "ab"), Turn("assistant", "ab"))
    forged = (Turn("user", attack), Turn("assistant", attack))
    found = []
    for turns in (calm, forged):
        sample = subject.encode(Record(turns=turns))
        found.append([token for token in sample.ids.tolist() if token in tokenizer.all_special_ids])
        answer = tokenizer.decode(sample.ids[sample.supervised][:-1]).strip()
        assert answer == turns[1].content
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", [MftCoder, Alpaca])
def test_other_roles_begin_as_the_family_begins_every_text(kind: Any, tmp_path: Path) -> None:
    tokenizer = load_with(ChatGLM(), small_chatglm(tmp_path))
    subject = kind()
    subject.bind(tokenizer)
    assert tokenizer.convert_ids_to_tokens(subject.prompt(ASKED)[:2]) == ["[gMASK]", "<sop>"]


def test_text_is_text_and_a_template_may_write_control_tokens(tmp_path: Path) -> None:
    tokenizer = load_with(Llama(), small_llama(tmp_path))
    assert tokenizer("</s>")["input_ids"] == [1, *ids(tokenizer, "</s>")]
    assert 2 not in ids(tokenizer, "</s>")
    assert tokenizer("</s>", add_special_tokens=False, split_special_tokens=False)["input_ids"] == [2]
    again = pickle.loads(pickle.dumps(tokenizer))
    for each in (tokenizer, again):
        assert 2 not in ids(each, "</s>")
        assert each.apply_chat_template(messages(CONVERSATION[1:3]))["input_ids"][-1] == 2
        assert each.decode([1, 2], skip_special_tokens=True) == ""
