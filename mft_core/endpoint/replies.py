"""What an endpoint's response is: a reply, or one of the many things that come instead, also with status 200."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from mft_core.endpoint.usage import Usage, choice_text

WHOLE = "stop"
"""The finish_reason, and the `Reply.end`, of an answer that ended by itself."""
CUT_OFF = ("length", "content_filter")
"""Those of an answer that would be cut off again."""
REFUSAL = "refused"
REFUSED = (400, 413, 422)
"""Statuses that say something about this question, not about the endpoint."""
WRONG_USE = (401, 402, 403, 404, 405)
"""Statuses that every question would get."""
BUSY = (429, 503)
"""Statuses of an endpoint that has too much to do."""
NO_MONEY = ("insufficient_quota", "billing_hard_limit_reached")
LONGEST_REASON = 300
TOO_LONG = re.compile(
    r"context[ _](?:length|size|window)|maximum (?:context|sequence|model) length|longer than the model|too long"
    r"|exceeds? (?:the )?(?:available context|maximum|max_model_len|model's)",
    re.IGNORECASE,
)
"""How vLLM, SGLang, llama.cpp and OpenAI say that a question is longer than the model's context."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model said.

    Attributes:
        end: "stop": it is whole; "length", "content_filter": it was cut off and would be again; "refused": the
            endpoint does not take this question.
        text: the answer, or why it was refused.
        model: as the endpoint calls the one that answered.
        usage: what it cost; None: nothing, as far as can be seen.
        earlier: whether it was there when the journal was opened: nothing was paid for it since.
    """

    end: str
    text: str
    model: str = ""
    usage: Usage | None = None
    earlier: bool = field(default=False, compare=False)

    @property
    def too_long(self) -> bool:
        """Whether the question was refused because the model's context has no room for it and its answer."""
        return self.end == REFUSAL and TOO_LONG.search(self.text) is not None


class TryAgain(Exception):  # noqa: N818 - a verdict on a response, no error of ours
    """The response is of no use, another one may be.

    Args:
        reason: in words.
        after: seconds that the endpoint wants to be left alone; None: it does not say.
        busy: the endpoint has too much to do.
    """

    def __init__(self, reason: str, after: float | None = None, *, busy: bool = False) -> None:
        super().__init__(reason[:LONGEST_REASON])
        self.after = after
        self.busy = busy


class NotSent(TryAgain):
    """No connection came about: nothing can be paid for."""


class GiveUp(Exception):  # noqa: N818
    """No question will be answered: no money, no access, no such model.

    Args:
        reason: in words.
        status: of the response that says so; 0: none does.
    """

    def __init__(self, reason: str, status: int = 0) -> None:
        super().__init__(reason)
        self.status = status


def read_reply(status: int, headers: Mapping[str, str], body: str, *, empty: bool = False) -> Reply:
    """The reply in a response.

    Args:
        headers: with names in lower case.
        empty: a reply without text is one, too.

    Raises:
        TryAgain: there is none this time.
        GiveUp: there will be none.
    """
    content = _as_object(body)
    error = content.get("error")
    message = _message(error) or body.strip()[:LONGEST_REASON]
    if isinstance(error, Mapping) and any(error.get(key) in NO_MONEY for key in ("code", "type")):
        raise GiveUp(f"the account has no quota left: {message}")
    if status in WRONG_USE:
        raise GiveUp(f"status {status}: {message}", status)
    if status in REFUSED:
        return Reply(REFUSAL, f"status {status}: {message}")
    if status != 200:
        after = seconds_to_wait(headers.get("retry-after", ""))
        raise TryAgain(f"status {status}: {message}", after, busy=status in BUSY)
    if error:
        raise TryAgain(f"an error with status 200: {message}")
    reply = _from_choice(content, body)
    if reply.end == WHOLE and not empty and not reply.text.strip():
        raise TryAgain("a reply without text")
    return reply


def seconds_to_wait(text: str, now: datetime | None = None) -> float | None:
    """What a Retry-After header says, as seconds or as a date; None: nothing of use."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - (now or datetime.now(timezone.utc))).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(0.0, seconds) if seconds < float("inf") else None


def _from_choice(content: Mapping[str, Any], body: str) -> Reply:
    choices = content.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise TryAgain(f"a response without choices: {body.strip()[:LONGEST_REASON]}")
    reason, text = choices[0].get("finish_reason"), _in_unicode(choice_text(choices[0]) or "")
    model = _in_unicode(str(content.get("model") or ""))
    if reason in CUT_OFF:
        return Reply(reason, text, model)
    if reason != WHOLE:
        raise TryAgain(f"a reply that did not end: finish_reason {reason!r}")
    return Reply(WHOLE, text, model)


def _in_unicode(text: str) -> str:
    """`text` with "?" for halves of surrogate pairs, which JSON may hold but no file or request can."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _as_object(body: str) -> dict[str, Any]:
    """The JSON object in a body; {} where it is HTML, cut off, a list or nothing."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _message(error: Any) -> str:
    told = error.get("message") if isinstance(error, Mapping) else error
    try:
        return _in_unicode(str(told)[:LONGEST_REASON]) if told else ""
    except RecursionError:
        return ""
