"""Tools as text, which a tokenization gets that lays out none."""

from __future__ import annotations

from mft_core.data.encoding import encode_record
from mft_core.data.tool_text import in_text, needs_tools
from mft_core.interfaces import Tokenization
from mft_core.records import Record, Sample, Turn
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_tokenization.tokenizations import MftCoder

CALL = '{"name": "f", "arguments": {"ä": 1}}'
TURNS = (
    Turn("tools", '[{"type":"function","function":{"name":"f"}}]'),
    Turn("user", "q"),
    Turn("assistant", "I look.", calls=f'[{CALL[:-1]},"id":"1"}},{CALL}]'),
    Turn("tool", "r1", call_id="1"),
    Turn("tool", "r2", name="f"),
    Turn("assistant", "a"),
)
CALLS = f"<tool_call>\n{CALL}\n</tool_call>\n<tool_call>\n{CALL}\n</tool_call>"


def test_tools_calls_and_results_become_text() -> None:
    system, *others = in_text(TURNS)
    assert system.role == "system"
    assert '<tools>\n{"type": "function", "function": {"name": "f"}}\n</tools>' in system.content
    assert others == [
        Turn("user", "q"),
        Turn("assistant", f"I look.\n{CALLS}"),
        Turn("user", "<tool_response>\nr1\n</tool_response>\n<tool_response>\nr2\n</tool_response>"),
        Turn("assistant", "a"),
    ]


def test_a_template_that_takes_no_system_turn_gets_the_tools_before_the_question() -> None:
    system, asked, *others = in_text(TURNS)
    assert in_text(TURNS, takes_system=False) == (Turn("user", f"{system.content}\n\n{asked.content}"), *others)
    both = (TURNS[0], Turn("system", "Be kind."), *TURNS[1:])
    assert in_text(both, takes_system=False) == in_text(both), "a system turn is the template's to refuse"


def test_the_system_turn_comes_before_the_tools() -> None:
    (both, *_) = in_text((TURNS[0], Turn("system", "Be kind."), *TURNS[1:]))
    assert both.content == f"Be kind.\n\n{in_text(TURNS)[0].content}"


def test_a_conversation_without_tools_stays_as_it_is() -> None:
    assert in_text(TURNS[1:2]) == TURNS[1:2]
    assert [needs_tools(TURNS[number : number + 1]) for number in range(6)] == [True, False, True, True, True, False]


class Words(MftCoder):
    """A tokenization that knows no tools."""

    takes_tools = False

    def encode(self, record: Record) -> Sample:
        assert {turn.role for turn in record.turns} <= {"system", "user", "assistant"}
        return super().encode(record)


def test_a_tokenization_that_takes_no_tools_gets_text() -> None:
    assert not Tokenization.takes_tools
    subject, tokenizer = Words(), small_tokenizer()
    subject.bind(tokenizer)
    (sample,) = encode_record(Record(turns=TURNS), subject)
    assert CALLS in tokenizer.decode(sample.ids[sample.supervised])
