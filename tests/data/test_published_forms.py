"""The demonstration sets that come with LLaMA-Factory (../shared/data/forms): what is learned of them, turn by turn."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from helpers.paths import SHARED
from helpers.readers import READERS
from helpers.tokenizations import bound, runs, with_template
from helpers.tool_templates import QWEN3, QWEN3_TOKENS
from mft_core.data.line_parsing import parse_line
from mft_core.data.record_forms import parse_record, unread_keys
from mft_core.errors import RecordError
from mft_core.records import Record
from mft_core.support.reading import AS_IT_IS, RecordForm
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_tokenization.tokenizations import ChatMl

FORMS = SHARED / "data" / "forms"
pytestmark = pytest.mark.skipif(not FORMS.exists(), reason="../shared is absent")

SAYS = {"gpt": "answer", "assistant": "answer", "function_call": "call"}


def values(name: str) -> list[Any]:
    path = FORMS / name
    return [parse_line(raw.text) for raw in READERS.reader_of(path).records(path)]


def records(name: str, form: RecordForm = AS_IT_IS) -> tuple[list[Record], Counter[str]]:
    found, reasons = [], Counter[str]()
    for value in values(name):
        try:
            found.append(parse_record(value, name, form))
            assert list(unread_keys(value, form)) == []
        except RecordError as error:
            reasons[error.reason] += 1
    return found, reasons


def learned(record: Record) -> list[str]:
    """What ChatML supervises, without its end tokens."""
    return [run.removesuffix("<|im_end|>") for run in runs(bound(ChatMl, small_tokenizer()), record)]


def as_text(call: Any) -> str:
    return f"<tool_call>\n{json.dumps(json.loads(call), ensure_ascii=False)}\n</tool_call>"


def test_alpaca() -> None:
    found, reasons = records("alpaca_en_demo.json")
    assert not reasons
    for record, value in zip(found, values("alpaca_en_demo.json"), strict=True):
        asked = f"{value['instruction']}\n{value['input']}" if value["input"] else value["instruction"]
        assert record.turns[0].content == asked
        assert learned(record) == [value["output"]]


def test_calls_of_tools() -> None:
    found, reasons = records("glaive_toolcall_en_demo.json")
    assert not reasons
    assert len(found) == 40
    for record, value in zip(found, values("glaive_toolcall_en_demo.json"), strict=True):
        turns = value["conversations"]
        assert learned(record) == [
            as_text(turn["value"]) if turn["from"] == "function_call" else turn["value"]
            for turn in turns
            if turn["from"] in SAYS
        ]
        tools = [json.loads(turn.content) for turn in record.turns if turn.role == "tools"]
        assert [[tool["function"] for tool in listed] for listed in tools] == [
            listed for listed in [json.loads(value["tools"])] if listed
        ]


def test_thoughts_and_calls_in_parts() -> None:
    found, reasons = records("reason_tool_use_demo.jsonl")
    assert not reasons
    subject = with_template(QWEN3, *QWEN3_TOKENS)
    for record, value in zip(found, values("reason_tool_use_demo.jsonl"), strict=True):
        assert runs(subject, record) == [
            f"{as_qwen3_writes(turn['content'])}<|im_end|>" for turn in value["messages"] if turn["role"] == "assistant"
        ]


def as_qwen3_writes(parts: list[dict[str, str]]) -> str:
    thought = "".join(part["value"] for part in parts if part["type"] == "reasoning")
    said = [part["value"] for part in parts if part["type"] == "text"]
    said += [as_text(part["value"]) for part in parts if part["type"] == "tool_call"]
    return f"<think>\n{thought.strip(chr(10))}\n</think>\n\n" + "\n".join(said)


def test_preferences_and_verdicts() -> None:
    assert records("dpo_en_demo.json") == ([], Counter({"unsupported field chosen": 15}))
    found, reasons = records("dpo_en_demo.json", RecordForm(preference="chosen"))
    assert not reasons
    for record, value in zip(found, values("dpo_en_demo.json"), strict=True):
        answers = [turn["value"] for turn in value["conversations"] if turn["from"] == "gpt"]
        assert learned(record) == [*answers, value["chosen"]["value"]]
    good, reasons = records("kto_en_demo.json")
    wanted = [value for value in values("kto_en_demo.json") if value["label"]]
    assert reasons == Counter({"unsupported field label": 20 - len(wanted)})
    for record, value in zip(good, wanted, strict=True):
        assert learned(record) == [turn["content"] for turn in value["messages"] if turn["role"] == "assistant"]


def test_typed_parts_texts_and_pictures() -> None:
    found, reasons = records("v1_sft_demo.jsonl")
    assert not reasons
    for record, value in zip(found, values("v1_sft_demo.jsonl"), strict=True):
        assert learned(record) == [value["messages"][1]["content"][0]["value"]]
    for name in ("wiki_demo.txt", "c4_demo.jsonl"):
        texts, reasons = records(name)
        assert texts
        assert not reasons
        assert [record.text for record in texts] == [value["text"] for value in values(name)]
    assert records("mllm_demo.json") == ([], Counter({"unsupported field images": 6}))
