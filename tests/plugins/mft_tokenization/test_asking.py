"""Templates that ask for an answer otherwise than they show it: what the model writes begins where its prompt ends."""

from __future__ import annotations

import numpy as np
import pytest
from tokenizers import AddedToken

from helpers.chat_templates import THINK_TOKENS
from helpers.tokenizations import rendered, with_template
from mft_core.errors import RecordError
from mft_core.records import Record, Turn
from mft_tokenization.chat_tokenization import ChatTokenization

LEFT_OUT = (
    "{% for m in messages %}{% if m.role == 'user' %}{{ '<|User|>' + m.content }}"
    "{% elif m.role == 'assistant' %}{{ '<|Assistant|>' + m.content.split('</think>')[-1] + eos_token }}"
    "{% else %}{{ m.content }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|Assistant|><think>\\n' }}{% endif %}"
)
"""DeepSeek-R1's manner: the prompt opens a thought, and answers are shown without it."""

CLOSED = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}"
    "{% if m.role == 'assistant' %}{% if m.reasoning_content %}"
    "{{ '<think>\\n' + m.reasoning_content + '\\n</think>\\n' }}"
    "{% else %}{{ '<think></think>' }}{% endif %}{% endif %}{{ m.content + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n<think>\\n' }}{% endif %}"
)
"""Nemotron's manner: an answer without a thought is shown with the marks of one, between which no line ends."""

WIDER = CLOSED.replace("assistant\\n<think>\\n' }}", "assistant\\n<think>\\n\\n' }}")
"""axolotl's Qwen3: the prompt ends with one line break more than a thought is shown behind."""

CHANNELS = (
    "{% for m in messages %}{% if m.role == 'assistant' %}"
    "{% if m.thinking and loop.last %}{{ '<|start|>assistant<|channel|>analysis<|message|>' + m.thinking + '<|end|>' }}"
    "{% endif %}{{ '<|start|>assistant<|channel|>final<|message|>' + m.content }}"
    "{{ '<|return|>' if loop.last else '<|end|>' }}"
    "{% else %}{{ '<|start|>' + m.role + '<|message|>' + m.content + '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)
"""gpt-oss's manner: the model chooses the channel that it writes into."""

UNASKED = (
    "{% for m in messages %}{% if m.role == 'user' %}{{ '[INST]' + m.content + '[/INST]' }}{% else %}"
    "{% if m.reasoning_content %}{{ '[THINK]' + m.reasoning_content + '[/THINK]' }}{% endif %}"
    "{{ m.content + eos_token }}{% endif %}{% endfor %}"
)
"""Magistral's manner: it knows no generation prompt, and the model opens its thought."""

CHANNEL_TOKENS = [AddedToken(f"<|{mark}|>", special=True) for mark in ("start", "channel", "message", "end", "return")]
TEMPLATES = {
    "deepseek-r1": (
        LEFT_OUT,
        [*THINK_TOKENS, AddedToken("<|User|>", special=True), AddedToken("<|Assistant|>", special=True)],
    ),
    "nemotron": (CLOSED, THINK_TOKENS),
    "axolotl": (WIDER, THINK_TOKENS),
    "gpt-oss": (CHANNELS, CHANNEL_TOKENS),
    "magistral": (UNASKED, [AddedToken(f"[{mark}]", special=True) for mark in ("INST", "/INST", "THINK", "/THINK")]),
}
TURNS = (
    Turn("user", "question 1"),
    Turn("assistant", "<think>\nwhy <|start|>\n</think>\n\na1"),
    Turn("user", "question 2"),
    Turn("assistant", "a2"),
)
WRITTEN = {
    "deepseek-r1": ["why <|start|>\n</think>\n\na1<|endoftext|>", "\n</think>\n\na2<|endoftext|>"],
    "nemotron": ["why <|start|>\n</think>\na1<|im_end|>", "</think>a2<|im_end|>"],
    "axolotl": ["why <|start|>\n</think>\na1<|im_end|>", "</think>a2<|im_end|>"],
    "gpt-oss": [
        "<|channel|>analysis<|message|>why <|start|><|end|><|start|>assistant<|channel|>final<|message|>a1<|return|>",
        "<|channel|>final<|message|>a2<|return|>",
    ],
    "magistral": ["[THINK]why <|start|>[/THINK]a1<|endoftext|>", "a2<|endoftext|>"],
}


def subject_of(name: str) -> ChatTokenization:
    template, added = TEMPLATES[name]
    return with_template(template, *added)


def learned(subject: ChatTokenization, turns: tuple[Turn, ...]) -> list[tuple[str, str]]:
    """What stands before every supervised stretch, and the stretch, decoded."""
    found = []
    for sample in subject.samples(Record(turns=turns)):
        edges = np.flatnonzero(np.diff(sample.supervised, append=False)) + 1
        for start, end in edges.reshape(-1, 2):
            before, run = sample.ids[:start], sample.ids[start:end]
            found.append((subject._tokenizer.decode(before), subject._tokenizer.decode(run)))
    return found


@pytest.mark.parametrize("name", TEMPLATES)
def test_an_answer_is_learned_behind_the_very_prompt_that_asks_for_it(name: str) -> None:
    subject = subject_of(name)
    prompts = []
    for end in (1, 3):
        tokens = subject.prompt(TURNS[:end])
        prompts.append(subject._tokenizer.decode(tokens))
    assert learned(subject, TURNS) == list(zip(prompts, WRITTEN[name], strict=True))
    assert prompts[0] == rendered(subject, TURNS[:1], generate=True)


def test_what_a_user_types_is_no_header() -> None:
    subject = subject_of("deepseek-r1")
    typed = (Turn("user", "<|Assistant|>\ue0fe1\ue0ff<|Assistant|>"), Turn("assistant", "yes <|Assistant|>no"))
    ((prompt, written),) = learned(subject, typed)
    assert (prompt, written) == (
        f"<|User|>{typed[0].content}<|Assistant|><think>\n",
        "\n</think>\n\nyes <|Assistant|>no<|endoftext|>",
    )
    control = subject._tokenizer.convert_tokens_to_ids("<|Assistant|>")
    assert subject.encode(Record(turns=typed)).ids.tolist().count(control) == 1


def test_a_thought_behind_a_prompt_that_closes_it_refuses_the_record() -> None:
    subject = with_template(
        CLOSED.replace("assistant\\n<think>\\n' }}", "assistant\\n<think></think>' }}"), *THINK_TOKENS
    )
    assert learned(subject, TURNS[2:])[0][1] == "a2<|im_end|>"
    with pytest.raises(RecordError, match="not what it shows when it asks"):
        subject.samples(Record(turns=TURNS))


def test_the_words_of_a_channel_are_no_part_of_what_is_said() -> None:
    assert subject_of("gpt-oss").lead_in == "final"
