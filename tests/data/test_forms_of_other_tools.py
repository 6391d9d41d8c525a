"""Records in every form that ms-swift, axolotl and TRL document for supervised fine-tuning: what is learned of them,
turn by turn; and those of other kinds of training, which are refused by name.
"""

from __future__ import annotations

from typing import Any

import pytest

from helpers.tokenizations import bound, runs
from mft_core.data.record_forms import parse_record, unread_keys
from mft_core.errors import RecordError
from mft_core.support.reading import AS_IT_IS
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_tokenization.tokenizations import ChatMl


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def said(content: Any, **others: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **others}


def called(name: str) -> dict[str, Any]:
    return {"role": "tool_call", "content": f'{{"name": "{name}", "arguments": {{"n": 1}}}}'}


def call(name: str) -> str:
    return f'<tool_call>\n{{"name": "{name}", "arguments": {{"n": 1}}}}\n</tool_call>'


TOOLS = '[{"type": "function", "function": {"name": "up"}}, {"type": "function", "function": {"name": "down"}}]'
USED = {"type": "tool_use", "id": "t1", "name": "up", "input": {"n": 1}}
FUNCTION = {"name": "up", "arguments": {"n": 1}}
LEARNED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "swift: messages": (
        {"messages": [{"role": "system", "content": "s"}, user("1?"), said("one"), user("2?"), said("two")]},
        ["one", "two"],
    ),
    "swift: sharegpt": (
        {"system": "s", "conversation": [{"human": "1?", "assistant": "one"}, {"human": "2?", "assistant": "two"}]},
        ["one", "two"],
    ),
    "swift: query and response": (
        {"system": "s", "query": "2?", "response": "two", "history": [["1?", "one"]]},
        ["one", "two"],
    ),
    "swift: history as text": ({"query": "2?", "response": "two", "history": '[["1?", "one"]]'}, ["one", "two"]),
    "swift: problem and solution": ({"problem": "1?", "solution": "one"}, ["one"]),
    "swift: loss of a turn": (
        {"messages": [user("1?"), said("one", loss=False), user("2?"), said("two", loss=True)]},
        ["two"],
    ),
    "swift: channel": ({"messages": [user("1?"), said("one")], "channel": "numbers"}, ["one"]),
    "swift: parallel calls": (
        {"tools": TOOLS, "messages": [
            user("both"), called("up"), called("down"), {"role": "tool_response", "content": "{}"},
            {"role": "tool", "content": "{}"}, said("done"),
        ]},
        [f"{call('up')}\n{call('down')}", "done"],
    ),
    "swift: a thought, then a call": (
        {"tools": TOOLS, "messages": [
            user("up"), said("<think>\nhigher\n</think>\n"), called("up"), {"role": "tool", "content": "{}"},
            said("done"),
        ]},
        [f"<think>\nhigher\n</think>\n{call('up')}", "done"],
    ),
    "swift: roles with a dash": (
        {"tools": TOOLS, "messages": [
            user("up"), {"role": "function-call", "content": called("up")["content"]},
            {"role": "function-response", "content": "{}"}, said("done"),
        ]},
        [call("up"), "done"],
    ),
    "anthropic": (
        {"tools": TOOLS, "messages": [
            user("up"), said([{"type": "text", "text": "So be it."}, USED]),
            user([{"type": "tool_result", "tool_use_id": "t1", "content": "{}"}]), said("done"),
        ]},
        [f"So be it.\n{call('up')}", "done"],
    ),
    "axolotl: alpaca": ({"instruction": "say", "input": "1", "output": "one"}, ["one"]),
    "axolotl: gpteacher": ({"instruction": "say", "input": "1", "response": "one"}, ["one"]),
    "axolotl: jeopardy": ({"question": "1?", "category": "numbers", "answer": "one"}, ["one"]),
    "axolotl: oasst": ({"INSTRUCTION": "1?", "RESPONSE": "one"}, ["one"]),
    "axolotl: orca": ({"system_prompt": "s", "question": "1?", "response": "one"}, ["one"]),
    "axolotl: pygmalion": ({"conversations": [{"role": "human", "value": "1?"}, {"role": "bot", "value": "one"}]},
                           ["one"]),
    "axolotl: train of a turn": (
        {"conversations": [
            {"from": "system", "value": "s", "train": False}, {"from": "human", "value": "1?", "train": False},
            {"from": "assistant", "value": "one", "train": False}, {"from": "human", "value": "2?", "train": False},
            {"from": "assistant", "value": "two", "train": True},
        ]},
        ["two"],
    ),
    "axolotl: parts": ({"messages": [user([{"type": "text", "text": "1?"}]), said([{"type": "text", "text": "one"}])]},
                       ["one"]),
    "axolotl: reasoning in parts": (
        {"messages": [user("1?"), said([{"type": "text", "text": "one"}],
                                       reasoning_content=[{"type": "text", "text": "the first"}])]},
        ["<think>\nthe first\n</think>\n\none"],
    ),
    "axolotl: segments": (
        {"segments": [{"label": False, "text": "1 is"}, {"label": True, "text": " one<|endoftext|>"},
                      {"label": False, "text": " and 2 is"}, {"label": True, "text": " two<|endoftext|>"}]},
        [" one<|endoftext|>", " two<|endoftext|>"],
    ),
    "trl: prompt and completion": ({"prompt": "1 is", "completion": " one"}, [" one"]),
    "trl: calls": (
        {"tools": [{"type": "function", "function": {"name": "up"}}], "messages": [
            user("up"), {"role": "assistant", "tool_calls": [{"type": "function", "function": FUNCTION}]},
            {"role": "tool", "name": "up", "content": "{}"}, said("done"),
        ]},
        [call("up"), "done"],
    ),
    "trl: thinking": ({"messages": [{"role": "developer", "content": "s"}, user("1?"), said("one", thinking="the")]},
                      ["<think>\nthe\n</think>\n\none"]),
}  # fmt: skip


@pytest.mark.parametrize("form", LEARNED)
def test_what_is_learned(form: str) -> None:
    value, learned = LEARNED[form]
    record = parse_record(value, "")
    found = runs(bound(ChatMl, small_tokenizer()), record)
    assert [run.removesuffix("<|im_end|>") for run in found] == learned
    assert [key for key in unread_keys(value, AS_IT_IS) if key != "channel"] == []


ASKED = [user("1?")]
PAIR = [*ASKED, said("one")]
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "swift: pretraining": ({"messages": [said("a document")]}, "wrong order of roles"),
    "swift: weights in one answer": (
        {"messages": [*ASKED, said("<think>\n\n</think>\n", loss_scale=1.0), said("one", loss_scale=2.0)]},
        "wrong order of roles",
    ),
    "swift: template settings": (
        {"messages": PAIR, "chat_template_kwargs": {"enable_thinking": False}},
        "unsupported field chat_template_kwargs",
    ),
    "swift: preference": ({"messages": PAIR, "rejected_response": "two"}, "unsupported field rejected_response"),
    "swift: kto": ({"messages": PAIR, "label": False}, "unsupported field label"),
    "swift: grpo": ({"messages": ASKED, "solution": "one"}, "no answer"),
    "swift: classes": ({"messages": ASKED, "label": 1}, "no answer"),
    "swift: pictures": ({"messages": PAIR, "images": ["a.png"]}, "unsupported field images"),
    "axolotl: stepwise": ({"prompt": "1?", "completions": ["a", "b"], "labels": [True, False]}, "missing response"),
    "axolotl: tokens": ({"input_ids": [1, 2], "attention_mask": [1, 1], "labels": [-100, 2]}, "unknown form"),
    "axolotl: details": (
        {"messages": [*ASKED, said("one two", train_detail=[{"begin_offset": 0, "end_offset": 2, "train": False}])]},
        "unsupported field train_detail",
    ),
    "axolotl: parts that are not learned": (
        {"messages": [*ASKED, said([{"type": "text", "text": "1", "train": False}, {"type": "text", "text": "one"}])]},
        "unsupported field train",
    ),
    "axolotl: thoughts that are not learned": (
        {"messages": [*ASKED, said("one", reasoning_content=[{"type": "text", "text": "hm", "weight": 0}])]},
        "unsupported field weight",
    ),
    "axolotl: a question that is learned": (
        {"messages": [user([{"type": "text", "text": "1?", "train": True}]), said("one")]},
        "unsupported field train",
    ),
    "axolotl: another role": ({"messages": [*ASKED, {"role": "narrator", "content": "n"}]}, "unknown role"),
    "axolotl: context": ({"context": "c", "question": "1?", "answer": "one"}, "unsupported field context"),
    "trl: prompt only": ({"prompt": "1?"}, "missing response"),
    "trl: preference": ({"prompt": "1?", "chosen": "one", "rejected": "two"}, "unsupported field chosen"),
    "trl: unpaired": ({"prompt": "1?", "completion": "two", "label": False}, "unsupported field label"),
}  # fmt: skip


@pytest.mark.parametrize("form", REFUSED)
def test_what_is_refused(form: str) -> None:
    value, reason = REFUSED[form]
    with pytest.raises(RecordError) as caught:
        parse_record(value, "")
    assert caught.value.reason == reason
