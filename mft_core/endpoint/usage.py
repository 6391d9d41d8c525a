"""What a response cost, in tokens: as it says itself, or estimated from its characters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CHARACTERS_PER_TOKEN = 4
"""In English and in code; a letter beyond ASCII, such as a Chinese one, counts as a token."""
TOKENS_PER_MESSAGE = 4


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one prompt and of what was written; `estimated`: the response did not say."""

    prompt_tokens: int
    completion_tokens: int
    estimated: bool


def estimated_tokens(text: str) -> int:
    """Roughly how many tokens a text has."""
    ascii_letters = len(text.encode("ascii", "ignore"))
    return -(-ascii_letters // CHARACTERS_PER_TOKEN) + len(text) - ascii_letters


def estimated_prompt_tokens(prompt: str | Sequence[Mapping[str, str]]) -> int:
    """Roughly how many tokens a conversation, or a text to be continued, has."""
    if isinstance(prompt, str):
        return estimated_tokens(prompt)
    return sum(TOKENS_PER_MESSAGE + estimated_tokens(one["content"]) for one in prompt)


def read_usage(status: int, body: str, prompt_tokens: int) -> Usage | None:
    """What a response cost; None: nothing, as far as can be seen.

    A response without usage is taken to be paid for where it has choices, or is a JSON object that was cut off.

    Args:
        status: of the response.
        body: of the response, whatever it is.
        prompt_tokens: of its question, estimated.
    """
    try:
        content = json.loads(body)
    except ValueError:
        paid = status == 200 and body.lstrip().startswith("{")
        return Usage(prompt_tokens, estimated_tokens(body), True) if paid else None
    except RecursionError:
        return None
    if not isinstance(content, dict):
        return None
    told = content.get("usage")
    if isinstance(told, dict):
        prompt, completion = _count(told.get("prompt_tokens")), _count(told.get("completion_tokens"))
        if prompt is not None and completion is not None:
            return Usage(prompt, completion, False)
    choices = content.get("choices")
    if status != 200 or not isinstance(choices, list) or not choices:
        return None
    return Usage(prompt_tokens, sum(estimated_tokens(text) for text in _texts(choices)), True)


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _texts(choices: Sequence[Any]) -> list[str]:
    found = [choice_text(one) for one in choices]
    return [text for text in found if text is not None]


def choice_text(choice: Any) -> str | None:
    """What a choice of a response says, as the answer to a conversation or as the rest of a text; None: nothing."""
    if not isinstance(choice, Mapping):
        return None
    message = choice.get("message")
    text = message.get("content") if isinstance(message, Mapping) else choice.get("text")
    return text if isinstance(text, str) else None
