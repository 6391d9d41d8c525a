"""What is far too long is never tokenised whole; under "truncate" it becomes what it would have become so."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from helpers.chat_templates import CHANNEL_TOKENS, CHANNELS, THINK, THINK_TOKENS
from helpers.token_data import one_task, pair
from helpers.tokenizations import with_template
from mft_core.data import length_guard
from mft_core.data.encoding import encode_record
from mft_core.data.length_guard import CHARACTERS_AT_LEAST, LengthPolicy, encode_guarded
from mft_core.data.longer_records import LongerRecords
from mft_core.errors import RecordError
from mft_core.records import Record, Sample, Turn
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_tokenization.chat_tokenization import ChatTokenization
from mft_tokenization.tokenizations import MftCoder

LENGTH = 100


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(length_guard, "CHARACTERS_OF_A_TOKEN", 8)
    monkeypatch.setattr(length_guard, "CHARACTERS_AT_LEAST", 8 * LENGTH)
    monkeypatch.setattr(length_guard, "CHARACTERS_BEYOND", 20)
    monkeypatch.setattr(length_guard, "TURNS_AT_ONCE", 4)


def coder() -> ChatTokenization:
    subject = MftCoder()
    subject.bind(small_tokenizer())
    return subject


SUBJECTS = {
    "mftcoder": coder,
    "qwen3": partial(with_template, THINK, *THINK_TOKENS),
    "gpt-oss": partial(with_template, CHANNELS, *CHANNEL_TOKENS),
}


def talk(*contents: str) -> tuple[Turn, ...]:
    return tuple(Turn(("user", "assistant")[number % 2], content) for number, content in enumerate(contents))


WORDS = "an answer of some words, " * 200
THOUGHT = f"<think>\n{WORDS}\n</think>\n\n"
RECORDS = {
    "a text": Record(text=WORDS),
    "a long answer": Record(turns=talk("q", WORDS)),
    "a long answer, then others": Record(turns=talk("q", "a", "q2", WORDS, "q3", "a3")),
    "a long question in the middle": Record(turns=talk("q", "a", WORDS, "a2", "q3", "a3")),
    "many turns": Record(turns=talk(*(f"turn {number}" for number in range(60)))),
    "thoughts that may be shown once": Record(turns=talk("q", f"{THOUGHT}said", "q2", f"{THOUGHT}so", "q3", "a3")),
    "a thought before a long answer": Record(turns=talk("q", f"{THOUGHT}{WORDS}", "q2", "a2")),
    "a short one": Record(turns=talk("q", "a", "q2", "a2")),
}


def kept(samples: list[Sample]) -> list[tuple[list[int], list[bool]]]:
    """What `truncate` leaves of samples."""
    cut = [(sample.ids[:LENGTH].tolist(), sample.supervised[:LENGTH].tolist()) for sample in samples]
    return [(ids, supervised) for ids, supervised in cut if any(supervised)]


@pytest.mark.parametrize("name", SUBJECTS)
@pytest.mark.parametrize("which", RECORDS)
@pytest.mark.usefixtures("small_limits")
def test_what_is_truncated_is_the_same_as_without_the_guard(name: str, which: str) -> None:
    subject, record, seen = SUBJECTS[name](), RECORDS[which], []

    def encode(part: Record) -> list[Sample]:
        seen.append(part)
        return encode_record(part, subject)

    samples, times = encode_guarded(record, encode, LengthPolicy(LENGTH, "truncate"), LongerRecords())
    whole = subject.samples(record)
    assert kept(samples) == kept(whole) != []
    assert (times == 1) == (seen[-1] is record)
    assert all(turn.content for part in seen for turn in part.turns)
    if which in ("a text", "a long answer", "many turns"):
        assert times > 2
        assert times * len(samples[-1].ids) == pytest.approx(len(whole[-1].ids), rel=0.4)


@pytest.mark.usefixtures("small_limits")
def test_a_record_that_is_nothing_but_white_space_so_far_is_refused() -> None:
    record = Record(turns=talk(" " * 5000 + "q", "a"))
    stripping = with_template(CHANNELS.replace("m.content", "(m.content | trim)"), *CHANNEL_TOKENS)
    longer = LongerRecords()
    with pytest.raises(RecordError, match="over-long: 2 turns of 5,002 characters"):
        encode_guarded(record, partial(encode_record, tokenization=stripping), LengthPolicy(30, "truncate"), longer)
    assert longer.records.total() == 1


def test_turns_by_the_thousand_are_tokenised() -> None:
    """More than Python's stack is deep, and more than would have been made in the time that there is."""
    record = Record(turns=talk(*("x" for _ in range(16_000))))
    samples, times = encode_guarded(record, coder().samples, LengthPolicy(512, "truncate"), LongerRecords())
    assert 512 < len(samples[0].ids) < 5000
    assert times == 16_000 / 256


def test_what_cannot_fit_is_not_tokenised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(length_guard, "CHARACTERS_AT_LEAST", 100)
    turns = [{"role": role, "content": "x"} for role in ("user", "assistant")] * 20
    records = [pair(1), pair(2), {"text": "a b " * 2000}, {"messages": turns}]
    (dropped,) = one_task(tmp_path, records, max_length=30)
    assert (dropped.report.overlong, dropped.report.bad) == (2, {})
    assert "8,000 characters, too long to be tokenised" in dropped.report.examples[0]
    assert "40 turns of 40 characters" in dropped.report.examples[1]
    (cut,) = one_task(tmp_path, records, max_length=30, overlong="truncate")
    assert (cut.report.overlong, cut.report.truncated) == (0, 2)
    assert np.max(cut.train.lengths) == 30


@pytest.mark.slow
def test_a_conversation_of_many_turns_is_dropped_by_its_beginning(tmp_path: Path) -> None:
    turns = [{"role": role, "content": "x"} for role in ("user", "assistant")] * 200
    (task,) = one_task(tmp_path, [pair(1), pair(2), {"messages": turns}], max_length=500)
    assert task.report.overlong == 1
    assert "about " in task.report.examples[0]
    (whole,) = one_task(tmp_path, [pair(1), pair(2), {"messages": turns}], max_length=100_000)
    (tokens,) = task.report.longer
    assert int(tokens) == pytest.approx(max(whole.train.lengths.max(), whole.valid.lengths.max(initial=0)), rel=0.1)


def test_tools_are_never_cut_in_two() -> None:
    tools = Turn("tools", json.dumps([{"name": "f", "description": "d" * (CHARACTERS_AT_LEAST + 10)}]))
    record = Record(turns=(tools, Turn("user", "q"), Turn("assistant", "a", calls="[]")))
    seen = []

    def encode(part: Record) -> list[Sample]:
        seen.append(part)
        return [Sample(np.zeros(40, np.int64), np.ones(40, bool))]

    encode_guarded(record, encode, LengthPolicy(16, "truncate"), LongerRecords())
    assert json.loads(seen[0].turns[0].content)[0]["name"] == "f"
    assert seen[0].turns[-1].calls == "[]"
