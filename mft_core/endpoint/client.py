"""Asks a model behind an OpenAI-compatible endpoint; what was sent and received is on disk before work goes on."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mft_core.endpoint.replies import GiveUp, Reply, TryAgain, read_reply
from mft_core.errors import MftError, UsageError
from mft_core.support.journal import Journal
from mft_core.support.redact import redact

if TYPE_CHECKING:
    import httpx2

SENT, RECEIVED = "sent", "received"
LARGEST_BODY = 8 * 2**20
LONGEST_PAUSE = 60.0
LONGEST_WAIT = 600.0
"""Seconds that an endpoint may ask to be left alone; one that wants more is given up."""
FAILURES_IN_A_ROW = 5
"""So many questions without a reply say that the endpoint is down."""
HIDDEN, SHORTEST_SECRET = "[redacted]", 8


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Which model, where, and how patiently.

    Attributes:
        url: up to and with the version, such as "http://localhost:8000/v1".
        model: as the endpoint calls it.
        key_variable: environment variable with the key; where it is not set, none is sent.
        seconds: for one response, from the connection to the last byte.
        tries: for one question.
        first_pause: seconds; the longest pause after the first failure, doubled after each further one.
        parameters: further fields of a request, such as temperature and max_tokens.
    """

    url: str
    model: str
    key_variable: str = "OPENAI_API_KEY"
    seconds: float = 120.0
    tries: int = 6
    first_pause: float = 1.0
    parameters: Mapping[str, Any] = field(default_factory=dict)


class Unanswered(Exception):  # noqa: N818 - for the caller to count
    """A question got no reply, however often it was asked."""


class Endpoint:
    """Questions to one model, each answered once: replies in the journal are not asked for again. For any threads.

    The journal has a line for every request before it is sent, and for every response before it is looked at. Only one
    that was under way when the process was killed is sent again, with the same Idempotency-Key.

    Args:
        settings: of the endpoint.
        journal: file of what was sent and received, the key left out; made when needed.

    Raises:
        UsageError: the URL or the key cannot be one.
    """

    def __init__(self, settings: EndpointSettings, journal: Path) -> None:
        self._settings = settings
        self._key = os.environ.get(settings.key_variable, "").strip()
        if not settings.url.startswith(("http://", "https://")):
            raise UsageError(
                "the endpoint's URL must begin with http:// or https://", "Such as http://localhost:8000/v1"
            )
        if not self._key.isascii() or not self._key.isprintable():
            raise UsageError(f"what ${settings.key_variable} holds is no key", "It has letters that no key has.")
        self._journal = Journal(journal)
        self._writing = threading.Lock()
        self._asking: dict[str, threading.Lock] = {}
        self._over = threading.Event()
        self._failures = 0
        self._replies = dict(_replies(self._journal.records))

    def ask(self, stage: str, messages: Sequence[Mapping[str, str]]) -> Reply:
        """The reply to a question, from the journal if it is there.

        Args:
            stage: what the question is for; the same question is asked once for each.

        Raises:
            Unanswered: this question got no reply.
            MftError: no question will: no quota, no access, the endpoint is down.
        """
        body = {"model": self._settings.model, "messages": [dict(one) for one in messages], **self._settings.parameters}
        key = hashlib.sha256(json.dumps([stage, body], sort_keys=True).encode()).hexdigest()
        with self._writing:
            asking = self._asking.setdefault(key, threading.Lock())
        with asking:
            if key not in self._replies:
                self._replies[key] = self._ask(key, stage, body)
            return self._replies[key]

    def close(self) -> None:
        """Let no thread wait for another try."""
        self._over.set()

    def hide(self, text: str) -> str:
        """`text` without the key, as it is or as JSON or a URL would write it, and without other secrets."""
        if len(self._key) >= SHORTEST_SECRET:
            for form in (self._key, json.dumps(self._key)[1:-1], quote(self._key, safe="")):
                text = text.replace(form, HIDDEN)
        return redact(text)

    def _ask(self, key: str, stage: str, body: Mapping[str, Any]) -> Reply:
        try:
            reply = self._ask_patiently(key, stage, body)
        except TryAgain as reason:
            self._failures += 1
            if self._failures < FAILURES_IN_A_ROW:
                raise Unanswered(str(reason)) from None
            self.close()
            raise MftError(
                f"the endpoint left {self._failures} questions in a row without a reply; the last: {reason}",
                "Is it up? Rerun then: what was answered is kept.",
            ) from None
        except GiveUp as reason:
            self.close()
            raise MftError(
                f"the endpoint answers nothing: {self.hide(str(reason))}",
                f"See to the account, the model's name {self._settings.model!r} and ${self._settings.key_variable}; "
                "then rerun: what was answered is kept.",
            ) from None
        self._failures = 0
        return reply

    def _ask_patiently(self, key: str, stage: str, body: Mapping[str, Any]) -> Reply:
        """Try, with full jitter between tries, and not before the endpoint wants it."""
        reason, wait = "", 0.0
        for attempt in range(self._settings.tries):
            if self._over.wait(wait):
                raise GiveUp("it was given up before")
            self._write({"event": SENT, "key": key, "stage": stage, "attempt": attempt})
            try:
                status, headers, content = self._send(key, body)
                content = self.hide(content)
                self._write({"event": RECEIVED, "key": key, "status": status, "body": content})
                return read_reply(status, headers, content)
            except TryAgain as error:
                reason, after = self.hide(str(error)), error.after or 0.0
            if after > LONGEST_WAIT:
                raise GiveUp(f"it wants to be left alone for {after:.0f} seconds")
            longest = min(LONGEST_PAUSE, self._settings.first_pause * 2**attempt)
            wait = after + random.uniform(0.0, longest)
        raise TryAgain(reason)

    def _send(self, key: str, body: Mapping[str, Any]) -> tuple[int, dict[str, str], str]:
        """Status, headers and body of one response.

        Raises:
            TryAgain: none came whole, in time.
        """
        import httpx2

        try:
            return asyncio.run(asyncio.wait_for(self._exchange(key, body), self._settings.seconds))
        except httpx2.InvalidURL as error:
            raise GiveUp(f"its URL cannot be used: {error}") from None
        except asyncio.TimeoutError:
            raise TryAgain(f"a response that took more than {self._settings.seconds:g} seconds") from None
        except (httpx2.HTTPError, OSError) as error:
            raise TryAgain(f"{type(error).__name__} {error}".strip()) from None

    async def _exchange(self, key: str, body: Mapping[str, Any]) -> tuple[int, dict[str, str], str]:
        """As `_send`; asynchronous so that it can be ended anywhere, also among headers that drip."""
        import httpx2

        headers = {"Idempotency-Key": key} | ({"Authorization": f"Bearer {self._key}"} if self._key else {})
        url = f"{self._settings.url.rstrip('/')}/chat/completions"
        async with (
            httpx2.AsyncClient(timeout=None, verify=self._certificates) as client,
            client.stream("POST", url, json=body, headers=headers) as response,
        ):
            found = {name.lower(): value for name, value in response.headers.items()}
            return response.status_code, found, await self._read(response)

    @cached_property
    def _certificates(self) -> ssl.SSLContext | bool:
        """Those to trust, read once: it takes longer than a request. Without TLS there is nothing to verify."""
        import httpx2

        return httpx2.create_ssl_context() if self._settings.url.startswith("https://") else False

    async def _read(self, response: httpx2.Response) -> str:
        """The body, unless it is endless."""
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > LARGEST_BODY:
                raise TryAgain(f"a response of more than {LARGEST_BODY} bytes")
        return content.decode("utf-8", "replace")

    def _write(self, record: Mapping[str, Any]) -> None:
        with self._writing:
            self._journal.append([record])


def _replies(records: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Reply]]:
    """Of the responses in a journal, those of use."""
    for record in records:
        if record["event"] == RECEIVED:
            with suppress(TryAgain, GiveUp):
                yield record["key"], read_reply(record["status"], {}, record["body"])
