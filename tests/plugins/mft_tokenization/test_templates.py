"""Chat templates of tokenizers: followed, or the record or the tokenizer is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import AddedToken
from transformers import PreTrainedTokenizerFast

from helpers.paths import SHARED
from helpers.tokenizations import bound, question, rendered, runs, with_template
from mft_core import load_tokenizer
from mft_core.errors import MftError, RecordError
from mft_core.records import Record, Turn
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_core.testing.tokenizations import ANSWERS, TURNS
from mft_tokenization.chat_tokenization import ChatTokenization
from mft_tokenization.tokenizations import Auto, Chat, ChatMl, MftCoder

FIXTURES = SHARED / "fixtures" / "tokenizers"


def test_role_tokens_that_are_not_flagged_special_stay_text() -> None:
    names = ("<ask>", "<reply>", "<stop>")
    template = (
        "{% for m in messages %}{{ '<ask>' if m.role == 'user' else '<reply>' }}{{ m.content + '<stop>' }}"
        "{% endfor %}{% if add_generation_prompt %}<reply>{% endif %}"
    )
    subject = with_template(template, *(AddedToken(name, special=False, normalized=False) for name in names))
    tokens = subject._tokenizer.convert_ids_to_tokens(subject.encode(question("y", "<stop><reply>no<stop>")).ids)
    assert [token for token in tokens if token in names] == ["<ask>", "<stop>", "<reply>", "<stop>"]
    assert runs(subject, question("y")) == ["y<stop>"]


def test_added_tokens_that_are_plain_vocabulary_are_used() -> None:
    tokenizer = small_tokenizer("byte", AddedToken("        ", special=False), AddedToken("<td>", special=False))
    subject = bound(MftCoder, tokenizer)
    tokens = tokenizer.convert_ids_to_tokens(subject.encode(question("        x<td>")).ids)
    assert "        " in tokens
    assert "<td>" in tokens


CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def test_the_template_is_saved_with_the_tokenizer(tmp_path: Path) -> None:
    subject = bound(MftCoder, small_tokenizer())
    subject._tokenizer.save_pretrained(tmp_path)
    again = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    text = again.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False, add_generation_prompt=True)
    assert text == "<s>human\nhi\n<s>bot\n"


def test_a_template_that_strips_contents_is_followed() -> None:
    subject = with_template(CHATML.replace("m.content +", "(m.content | trim) +"))
    assert runs(subject, question(" yes\n", "\n what? ")) == ["yes<|im_end|>"]


@pytest.mark.parametrize("change", ["(m.content | replace('long', 'short'))", "m.content[:50]"])
def test_a_template_that_changes_a_content_refuses_the_record(change: str) -> None:
    subject = with_template(CHATML.replace("m.content", change))
    assert runs(subject, question()) == ["yes<|im_end|>"]
    for record in (question("long " * 20), question("yes", "long " * 20)):
        with pytest.raises(RecordError) as caught:
            subject.encode(record)
        assert caught.value.reason == "template changes content"


def test_text_that_depends_on_a_content_refuses_the_record() -> None:
    subject = with_template(CHATML + "{% if 'please' in messages[0].content %}You are welcome.{% endif %}")
    assert runs(subject, question()) == ["yes<|im_end|>"]
    with pytest.raises(RecordError, match="depends on the contents"):
        subject.encode(question("yes", "Is it, please?"))


@pytest.mark.parametrize(
    ("kind", "first"), [("metaspace-always", "\u2581yes"), ("metaspace-first", "yes"), ("prepend", "\u2581yes")]
)
def test_an_answer_right_after_a_control_token_has_the_ids_that_transformers_gives_it(kind: str, first: str) -> None:
    template = (
        "{% for m in messages %}{{ ('<s>' if m.role == 'user' else '</s>') + m.content }}{% endfor %}"
        "{% if add_generation_prompt %}</s>{% endif %}"
    )
    subject = with_template(template, kind=kind)
    sample = subject.encode(question("yes"))
    tokens = subject._tokenizer.convert_ids_to_tokens(sample.ids[sample.supervised])
    assert "".join(tokens) == f"{first}</s>"
    theirs = subject._tokenizer(rendered(subject, question("yes").turns), add_special_tokens=False)["input_ids"]
    assert sample.ids[:-1].tolist() == theirs


def test_roles_that_a_template_refuses_are_the_records_fault() -> None:
    refusing = "{% if messages[0].role == 'system' %}{{ raise_exception('no system here') }}{% endif %}" + CHATML
    subject = with_template(refusing)
    assert runs(subject, question()) == ["yes<|im_end|>"]
    with pytest.raises(RecordError, match="no system here") as caught:
        subject.encode(Record(turns=TURNS))
    assert caught.value.reason == "template refuses roles"


def test_a_template_that_knows_no_generation_prompt() -> None:
    subject = with_template(CHATML.partition("{% if add")[0])
    assert runs(subject, Record(turns=TURNS)) == [f"{answer}<|im_end|>" for answer in ANSWERS]
    prompt = subject._tokenizer.decode(subject.prompt(TURNS[1:2]))
    assert prompt == "<|im_start|>user\n  Sort 3 1.\n<|im_end|>\n<|im_start|>assistant\n"


def test_a_template_without_end_token_gets_the_tokenizers() -> None:
    template = (
        "{% for m in messages %}{{ ('Human: ' if m.role == 'user' else 'AI: ') + m.content + '\\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'AI: ' }}{% endif %}"
    )
    subject = with_template(template)
    turns = (*question().turns, Turn("user", "Why?"), Turn("assistant", "so"))
    assert runs(subject, Record(turns=turns)) == ["yes<|endoftext|>", "so<|endoftext|>"]
    decoded = [subject._tokenizer.decode(sample.ids) for sample in subject.samples(Record(turns=turns))]
    assert decoded == [
        "Human: Is it?\nAI: yes<|endoftext|>\n",
        "Human: Is it?\nAI: yes\nHuman: Why?\nAI: so<|endoftext|>\n",
    ]


def test_what_the_model_must_write_before_its_answer_is_supervised() -> None:
    template = CHATML.replace(
        "m.content +", "('<think>\\n\\n</think>\\n\\n' if m.role == 'assistant' and loop.last else '') + m.content +"
    )
    subject = with_template(template)
    turns = (*question().turns, Turn("user", "Why?"), Turn("assistant", "so"))
    assert runs(subject, Record(turns=turns)) == [
        f"<think>\n\n</think>\n\n{answer}<|im_end|>" for answer in ("yes", "so")
    ]


def test_llama_2_layout() -> None:
    template = (
        "{% for m in messages %}{% if m.role == 'user' %}{{ bos_token + '[INST] ' + m.content + ' [/INST]' }}"
        "{% else %}{{ ' ' + m.content + ' ' + eos_token }}{% endif %}{% endfor %}"
    )
    subject = with_template(template, kind="metaspace-first")
    sample = subject.encode(question("yes"))
    tokens = subject._tokenizer.convert_ids_to_tokens(sample.ids[sample.supervised])
    assert "".join(tokens) == "▁yes▁</s>"
    assert len(subject.prompt(question().turns[:1])) == int(sample.supervised.argmax())


def test_tokens_that_swallow_white_space_do_so_as_in_transformers() -> None:
    added = [
        AddedToken("<|user|>", special=True, rstrip=True, normalized=False),
        AddedToken("<|stop|>", special=True, lstrip=True, rstrip=True, normalized=False),
    ]
    template = (
        "{% for m in messages %}{{ '<|user|>\\n' + m.content + '\\n<|stop|>\\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|user|>\\nreply: ' }}{% endif %}"
    )
    template = template.replace("'<|user|>\\n' + m", "'<|user|>\\n' + ('reply: ' if m.role == 'assistant' else '') + m")
    subject = with_template(template, *added)
    theirs = subject._tokenizer(rendered(subject, TURNS[1:2], True), add_special_tokens=False)["input_ids"]
    assert subject.prompt(TURNS[1:2]) == theirs


def test_the_clock_does_not_matter() -> None:
    template = (
        "{% set day = strftime_now('%d %b %Y') if strftime_now is defined else 'none' %}{{ day + '\\n' }}" + CHATML
    )
    subject = with_template(template)
    text = subject._tokenizer.decode(subject.encode(question()).ids)
    assert text.startswith("26 Jul 2024\n<|im_start|>user")
    assert subject._tokenizer.chat_template == template


@pytest.mark.parametrize(
    ("kind", "tokenizer", "words"),
    [
        (Chat, small_tokenizer(), "no chat template"),
        (ChatMl, small_tokenizer("metaspace-first"), r"<\|im_start\|>"),
        (MftCoder, small_tokenizer(eos_token=None), "no end token"),
        (Chat, small_tokenizer(chat_template="nothing"), "cannot be used"),
        (Chat, small_tokenizer(chat_template=CHATML.replace("m.content", "(m.content | upper)")), "changes content"),
        (Chat, small_tokenizer(chat_template="{{ raise_exception('never') }}"), "never"),
        (
            Chat,
            small_tokenizer(chat_template=CHATML.replace("assistant\\n' }}", "assistant\\nSo: ' }}")),
            "cannot be",
        ),
    ],
)
def test_what_cannot_be_bound_is_said(
    kind: type[ChatTokenization], tokenizer: PreTrainedTokenizerFast, words: str
) -> None:
    with pytest.raises(MftError, match=words) as caught:
        kind().bind(tokenizer)
    assert caught.value.hint


@pytest.mark.slow
@pytest.mark.skipif(not FIXTURES.exists(), reason="../shared is absent")
def test_llama_2() -> None:
    tokenizer = load_tokenizer(FIXTURES / "llama2")
    subject = bound(Auto, tokenizer)
    lines = (FIXTURES / "llama2" / "vectors.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    for text in texts:
        if not text.strip():
            continue
        turns = (Turn("user", text), Turn("assistant", f"x{text}"))
        sample = subject.encode(Record(turns=turns))
        assert tokenizer.decode(sample.ids[sample.supervised]) == f"x{text} </s>"
        controls = [token for token in sample.ids.tolist() if token in (1, 2)]
        assert controls == [1, 2]
        if "<s>" not in text:
            asked = tokenizer.apply_chat_template([turns[0]._asdict()], add_generation_prompt=True)["input_ids"]
            assert subject.prompt(turns[:1]) == asked
