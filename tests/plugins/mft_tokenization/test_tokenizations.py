"""The bundled tokenizations."""

from __future__ import annotations

import json

import pytest
from tokenizers import AddedToken

from helpers.tokenizations import bound, question, rendered, runs
from mft_core.records import Record, Turn
from mft_core.testing.small_tokenizers import KINDS, small_tokenizer
from mft_core.testing.tokenizations import ANSWERS, TURNS
from mft_tokenization.chat_tokenization import ChatTokenization
from mft_tokenization.tokenizations import Alpaca, Auto, ChatMl, MftCoder

ALL = [
    (kind, tokenization)
    for kind in KINDS
    for tokenization in (MftCoder, Alpaca, ChatMl)
    if tokenization is not ChatMl or kind.startswith("byte")
]


@pytest.mark.parametrize(("kind", "tokenization"), ALL)
def test_a_prompt_is_what_transformers_makes(kind: str, tokenization: type[ChatTokenization]) -> None:
    subject = bound(tokenization, small_tokenizer(kind))
    prompt = subject.prompt(TURNS[:2])
    text = rendered(subject, TURNS[:2], generate=True)
    assert prompt == subject._tokenizer(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_text_comes_back_without_added_spaces(kind: str) -> None:
    subject = bound(MftCoder, small_tokenizer(kind))
    ids = subject.encode(Record(turns=TURNS)).ids
    text = subject._tokenizer.decode(ids)
    if kind in ("metaspace-always", "prepend", "byte-prefix"):  # their rule: a space before every piece of text
        answers = [text.partition("bot\n")[2], text.rpartition("bot\n")[2]]
        assert all(part.startswith(answer) for part, answer in zip(answers, ANSWERS, strict=True))
    else:
        assert text == rendered(subject, TURNS)


@pytest.mark.parametrize("kind", KINDS)
def test_leading_spaces_of_an_answer_are_kept(kind: str) -> None:
    subject = bound(MftCoder, small_tokenizer(kind))
    plain, spaced = (subject.encode(question(answer)) for answer in ("yes", " yes"))
    assert plain.ids.tolist() != spaced.ids.tolist()
    start = int(plain.supervised.argmax())
    assert subject._tokenizer.convert_ids_to_tokens(int(plain.ids[start]))[0] == "y"


def test_text_is_supervised_whole_but_for_the_first_token() -> None:
    subject = bound(Auto, small_tokenizer())
    sample = subject.encode(Record(text="import os\n"))
    assert subject._tokenizer.decode(sample.ids) == "import os\n<|endoftext|>"
    assert sample.supervised.tolist() == [False] + [True] * (len(sample.ids) - 1)


def test_text_begins_as_the_tokenizer_begins_it() -> None:
    tokenizer = small_tokenizer("metaspace-first")
    tokenizer.add_bos_token = True
    subject = bound(Auto, tokenizer)
    sample = subject.encode(Record(text="import os"))
    assert sample.ids.tolist() == [*tokenizer("import os")["input_ids"], tokenizer.eos_token_id]
    assert sample.ids[0] == tokenizer.bos_token_id
    assert sample.supervised.tolist() == [False] + [True] * (len(sample.ids) - 1)


@pytest.mark.parametrize("kind", [ChatMl, Alpaca])
def test_the_beginning_token_stands_where_the_tokenizer_adds_one(kind: type[ChatTokenization]) -> None:
    tokenizer = small_tokenizer("metaspace-first", *(AddedToken(name) for name in ("<|im_start|>", "<|im_end|>")))
    without = bound(kind, tokenizer).encode(question()).ids.tolist()
    tokenizer.add_bos_token = True
    ids = bound(kind, tokenizer).encode(question()).ids.tolist()
    assert without.count(tokenizer.bos_token_id) == 0
    assert (ids[0], ids.count(tokenizer.bos_token_id)) == (tokenizer.bos_token_id, 1)


CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def test_auto_takes_the_tokenizers_own_template_else_mftcoders() -> None:
    own = small_tokenizer(chat_template=CHATML)
    assert runs(bound(Auto, own), question()) == ["yes<|im_end|>"]
    assert own.chat_template == CHATML
    bare = small_tokenizer()
    assert runs(bound(Auto, bare), question()) == ["yes<|endoftext|>"]
    assert "<s>human" in bare.chat_template
    assert runs(bound(Auto, bare), question()) == ["yes<|endoftext|>"]


def test_mftcoder_layout() -> None:
    subject = bound(MftCoder, small_tokenizer("metaspace-first"))
    assert rendered(subject, (Turn("system", "s"), Turn("user", "u"), Turn("assistant", "a"), Turn("user", "v"))) == (
        "<s>system\ns\n<s>human\nu\n<s>bot\na</s>\n<s>human\nv\n"
    )


def test_the_fingerprint_follows_the_template() -> None:
    prints = {bound(kind, small_tokenizer()).fingerprint for kind in (MftCoder, ChatMl, Alpaca)}
    assert len(prints) == 3
    assert bound(MftCoder, small_tokenizer()).fingerprint in prints


def test_binding_changes_nothing_but_the_template() -> None:
    tokenizer = small_tokenizer()
    before = tokenizer.backend_tokenizer.to_str()
    bound(ChatMl, tokenizer).encode(question("<|im_end|>"))
    assert json.loads(tokenizer.backend_tokenizer.to_str()) == json.loads(before)
    assert tokenizer("<|im_end|>")["input_ids"] == [tokenizer.convert_tokens_to_ids("<|im_end|>")]
