"""Turns as the messages that a chat template takes: where it wants thoughts, and whether and how it shows tools."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Literal, NamedTuple

from mft_core.records import Turn
from mft_core.support.thoughts import split_thought

Messages = list[dict[str, Any]]
RenderMessages = Callable[[Messages, list[Any] | None], str | None]
"""Messages and tools to text; None where the template refuses them."""

THOUGHT_KEYS = ("reasoning_content", "thinking", "reasoning")
Ids = Literal["as given", "any", "nine"]
NINE = re.compile("[a-zA-Z0-9]{9}")


class MessageForm(NamedTuple):
    """What a template takes.

    Attributes:
        thought_key: of a message, for the thought of an answer; "": thoughts stand in the content.
        tools: it shows tools, calls and results.
        ids: whether calls need ids, "any" or such of nine letters and digits, as Mistral's.
        arguments_as_text: it takes the arguments of a call as JSON text rather than as an object.
    """

    thought_key: str = ""
    tools: bool = False
    ids: Ids = "as given"
    arguments_as_text: bool = False

    def messages(self, turns: Sequence[Turn]) -> tuple[Messages, list[Any] | None]:
        """The messages of a conversation, and its tools."""
        tools = next((json.loads(turn.content) for turn in turns if turn.role == "tools"), None)
        ids: list[str] = []
        messages = []
        for number, turn in enumerate(turns):
            if turn.role == "tool":
                messages.append(self._result(turn, ids))
            elif turn.role != "tools":
                messages.append(self._message(turn, number, ids))
        return messages, tools

    def _message(self, turn: Turn, number: int, ids: list[str]) -> dict[str, Any]:
        message: dict[str, Any] = {"role": turn.role, "content": turn.content}
        parts = split_thought(turn.content) if self.thought_key and turn.role == "assistant" else None
        if parts is not None and parts.name == "think":
            message |= {"content": bare_said(parts.said), self.thought_key: bare_thought(parts.thought)}
        if turn.calls:
            calls = json.loads(turn.calls)
            ids[:] = [self._id(call.get("id", ""), f"{number}:{place}") for place, call in enumerate(calls)]
            message["tool_calls"] = [self._call(call, given) for call, given in zip(calls, ids, strict=True)]
        return message

    def _call(self, call: Mapping[str, Any], number: str) -> dict[str, Any]:
        arguments = call["arguments"]
        function = {
            "name": call["name"],
            "arguments": json.dumps(arguments, ensure_ascii=False) if self.arguments_as_text else arguments,
        }
        return {"type": "function", "function": function, **({"id": number} if number else {})}

    def _result(self, turn: Turn, ids: list[str]) -> dict[str, Any]:
        """Where it does not say which call it is the result of, it is that of the next one."""
        given = self._id(turn.call_id, "") if turn.call_id else ids[0] if ids else ""
        if given in ids:
            ids.remove(given)
        named = {"name": turn.name} if turn.name else {}
        return {"role": "tool", "content": turn.content, **named, **({"tool_call_id": given} if given else {})}

    def _id(self, given: str, place: str) -> str:
        if self.ids == "as given" or (self.ids == "any" and given) or NINE.fullmatch(given):
            return given
        made = hashlib.blake2b((given or place).encode(), digest_size=5).hexdigest()
        return made[:9] if self.ids == "nine" else f"call_{made}"


def bare_thought(thought: str) -> str:
    """A thought without the line breaks that are put around it in a text."""
    return thought.removeprefix("\n").removesuffix("\n")


def bare_said(said: str) -> str:
    """What is said after a thought, without the line breaks that are put before it in a text."""
    return said.removeprefix("\n\n")


def find_message_form(template: str, render: RenderMessages) -> MessageForm:
    """What a template takes, found by trying."""
    key = next((key for key in THOUGHT_KEYS if key in template and _shows_thought(key, render)), "")
    if "tools" in template:
        for form in _tool_forms(key):
            text = render(*form.messages(TRIED))
            if text is not None and all(word in text for word in WORDS) and NO_JSON not in text:
                return form
    return MessageForm(key)


WORDS = ("tried_tool", "call_of_a_tool", "the_key", "the_value", "what_came_of_it", "what_is_said")
NO_JSON = "'the_key'"
"""Arguments as Python writes them: the template takes them for a text."""
TRIED = (
    Turn(
        "tools",
        '[{"type":"function","function":{"name":"tried_tool","description":"Try.","parameters":{"type":"object",'
        '"properties":{"a":{"type":"string","description":"What."}},"required":["a"]}}}]',
    ),
    Turn("user", "Try."),
    Turn("assistant", "", calls='[{"name":"call_of_a_tool","arguments":{"the_key":"the_value"}}]'),
    Turn("tool", "what_came_of_it"),
    Turn("assistant", "what_is_said"),
)


def _tool_forms(key: str) -> Iterator[MessageForm]:
    every: tuple[Ids, ...] = ("as given", "any", "nine")
    for ids, as_text in product(every, (False, True)):
        yield MessageForm(key, True, ids, as_text)


def _shows_thought(key: str, render: RenderMessages) -> bool:
    answer = {"role": "assistant", "content": "what_is_said", key: "what_is_thought"}
    text = render([{"role": "user", "content": "Think."}, answer], None)
    return text is not None and re.search("what_is_thought.*what_is_said", text, re.DOTALL) is not None
