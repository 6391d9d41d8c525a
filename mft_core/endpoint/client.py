"""Asks a model behind an OpenAI-compatible endpoint; what was sent and received is on disk before work goes on."""

from __future__ import annotations

import json
import os
import random
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mft_core.endpoint.connection import Connection
from mft_core.endpoint.gate import GIVEN_UP, Gate
from mft_core.endpoint.ledger import Ledger, ReadReply, question_key
from mft_core.endpoint.replies import REFUSAL, REFUSED, GiveUp, NotSent, Reply, TryAgain, read_reply
from mft_core.endpoint.spending import Account, Allowance, BudgetSpent, Spending
from mft_core.endpoint.usage import estimated_prompt_tokens
from mft_core.errors import MftError, UsageError
from mft_core.support.redact import redact

VERSION = re.compile(r"/v\d+\w*/?$")
LONGEST_PAUSE = 60.0
LONGEST_WAIT = 600.0
"""Seconds that an endpoint may ask to be left alone, in sum for one question."""
SHORTEST_WAIT = 1.0
"""Seconds; an endpoint that asks for less may be asked for ever: that counts as a try."""
FAILURES_IN_A_ROW = 5
"""So many questions without a reply say that the endpoint is down."""
FIRST_REFUSALS = 8
"""So many questions refused, before a single one is answered, say that the endpoint takes none."""
HIDDEN, SHORTEST_SECRET = "[redacted]", 8
CHAT, COMPLETION = "/chat/completions", "/completions"


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Which model, where, and how patiently.

    Attributes:
        url: up to and with the version, such as "http://localhost:8000/v1".
        model: as the endpoint calls it.
        key_variable: environment variable with the key; where it is not set, none is sent.
        seconds: for one response, from the connection to the last byte.
        tries: for one question; those that end with a wait that the endpoint asks for are not counted.
        first_pause: seconds; the longest pause after the first failure, doubled after each further one.
        parameters: further fields of a request, such as temperature and max_tokens.
        concurrency: most requests under way; fewer while the endpoint is busy.
        budget: that nothing is sent beyond.
        prices: of a million tokens of prompts and of answers; None: unknown.
    """

    url: str
    model: str
    key_variable: str = "OPENAI_API_KEY"
    seconds: float = 120.0
    tries: int = 6
    first_pause: float = 1.0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    concurrency: int = 64
    budget: Allowance = field(default_factory=Allowance)
    prices: tuple[float, float] | None = None


class Unanswered(Exception):  # noqa: N818 - for the caller to count
    """A question got no reply, however often it was asked."""


class Endpoint:
    """Questions to one model, each answered once: replies in the journal are not asked for again. For any threads.

    The journal has a line for every request before it is sent, and for every response before it is looked at. Only one
    that was under way when the process was killed is sent again, with the same Idempotency-Key.

    Args:
        settings: of the endpoint.
        journal: file of what was sent and received, the key left out; made when needed.
        read: what is taken for a reply.

    Attributes:
        on_trouble: called, in any thread, with the reason why a question is asked once more.

    Raises:
        UsageError: the URL or the key cannot be one.
        MftError: the journal cannot be read.
    """

    def __init__(self, settings: EndpointSettings, journal: Path, read: ReadReply = read_reply) -> None:
        self._settings = settings
        self._key = os.environ.get(settings.key_variable, "").strip()
        if not settings.url.startswith(("http://", "https://")):
            raise UsageError(
                "the endpoint's URL must begin with http:// or https://", "Such as http://localhost:8000/v1"
            )
        if settings.url.rstrip("/").endswith(CHAT):
            base = settings.url.rstrip("/").removesuffix(CHAT)
            raise UsageError(
                f"the endpoint's URL ends in {CHAT}, which is added by itself", f"Give it with its version: {base}"
            )
        if not self._key.isascii() or not self._key.isprintable():
            raise UsageError(f"what ${settings.key_variable} holds is no key", "It has letters that no key has.")
        self._account = Account(settings.budget, settings.prices)
        self._ledger = Ledger(journal, self._account, read)
        self._gate = Gate(settings.concurrency)
        self._connection = Connection(settings.url.rstrip("/"))
        self._over = threading.Event()
        self._counting = threading.Lock()
        self._failures = self._refusals = 0
        self._why: MftError | None = None
        self.on_trouble: Callable[[str], None] = lambda reason: None

    @property
    def spending(self) -> Spending:
        """What was spent so far, also by earlier processes with the same journal."""
        return self._account.spending

    @property
    def models(self) -> frozenset[str]:
        """Names of the models that answered, as they give them: not always the one that was asked."""
        return self._ledger.models

    @property
    def restored(self) -> int:
        """Questions whose replies earlier processes left in the journal."""
        return self._ledger.restored

    @property
    def concurrency(self) -> int:
        """Most requests under way at this moment."""
        return self._gate.limit

    def ask(
        self,
        stage: str,
        messages: Sequence[Mapping[str, str]],
        *,
        sample: int = 0,
        anew: bool = False,
        **parameters: Any,
    ) -> Reply:
        """The reply to a question, from the journal if it is there.

        Args:
            stage: what the question is for; the same question is asked once for each.
            messages: "role" and "content" of each, ending with the user's.
            sample: the same question with another number gets a reply of its own.
            anew: take no reply of an earlier process; what this one was told is taken all the same.
            parameters: fields of the request, in place of those in the settings.

        Raises:
            Unanswered: this question got no reply.
            BudgetSpent: it was not sent: the rest of the budget may not suffice.
            MftError: no question will get a reply: no quota, no access, the endpoint is down or refuses whatever it is
                asked, the disk is full.
        """
        return self._answer(stage, {"messages": [dict(one) for one in messages]}, sample, parameters, anew)

    def continue_text(self, stage: str, text: str, *, sample: int = 0, **parameters: Any) -> Reply:
        """How the model goes on with a text that is no conversation; all else as `ask`."""
        return self._answer(stage, {"prompt": text}, sample, parameters)

    def give_up(self) -> None:
        """Send nothing more, and let no thread wait for another try; what is under way may end."""
        self._over.set()
        self._gate.close()

    def close(self) -> None:
        """Give up and end what is under way. What is in the journal can still be asked for."""
        self.give_up()
        self._connection.close()

    def hide(self, text: str) -> str:
        """`text` without the key, as it is or as JSON or a URL would write it, and without other secrets."""
        if len(self._key) >= SHORTEST_SECRET:
            for form in (self._key, json.dumps(self._key)[1:-1], quote(self._key, safe="")):
                text = text.replace(form, HIDDEN)
        return redact(text)

    def _answer(
        self, stage: str, question: Mapping[str, Any], sample: int, parameters: Mapping[str, Any], anew: bool = False
    ) -> Reply:
        body = {"model": self._settings.model, **question, **self._settings.parameters, **parameters}
        key = question_key(stage, body, sample)
        return self._ledger.answer(key, partial(self._ask, key, stage, body), anew=anew)

    def _ask(self, key: str, stage: str, body: Mapping[str, Any]) -> Reply:
        try:
            reply = self._ask_patiently(key, stage, body)
        except TryAgain as reason:
            with self._counting:
                self._failures += 1
                failures = self._failures
            if failures < FAILURES_IN_A_ROW:
                raise Unanswered(str(reason)) from None
            raise self._ended(
                f"the endpoint left {failures} questions in a row without a reply; the last: {reason}",
                "Is it up? Rerun then: what was answered is kept.",
            ) from None
        except GiveUp as reason:
            raise self._ended(
                f"the endpoint answers nothing: {self.hide(str(reason))}",
                f"{self._what_to_do(reason.status)}; then rerun: what was answered is kept.",
            ) from None
        except BudgetSpent:
            raise  # another question may fit
        except MftError as error:
            # What cannot be journalled must not be asked for: each further question might be paid for and lost.
            raise self._ended(error.message, error.hint) from error
        with self._counting:
            self._failures = 0
            self._refusals += reply.end == REFUSAL
            refusals = 0 if self._ledger.answered else self._refusals
        if refusals >= FIRST_REFUSALS:
            raise self._ended(
                f"the endpoint refused all of the first {refusals} questions; the last: {self.hide(reply.text)}",
                "See to its settings, the model's name and the parameters of a question. Then rerun; as refusals are "
                "kept like answers, `mft data make` with --ask-again.",
            )
        return reply

    def _what_to_do(self, status: int) -> str:
        """Where every question gets this status."""
        key, model = f"${self._settings.key_variable}", repr(self._settings.model)
        if status in (401, 403):
            return f"It wants a key in {key} that may use {model}" + ("" if self._key else "; there is none")
        if status in (404, 405):
            url = self._settings.url.rstrip("/")
            missing = "" if VERSION.search(url) else f"Most URLs end with the version: {url}/v1. "
            return f"{missing}Is {model} what it calls the model"
        if status in REFUSED:
            return "It does not take such questions: see to the parameters that they are asked with"
        return f"See to the account, the model's name {model} and {key}"

    def _ended(self, message: str, hint: str) -> MftError:
        """Give up; the error says why that was done first, which questions that were waiting then do not know."""
        with self._counting:
            self._why = self._why or MftError(message, hint)
            why = self._why
        self.give_up()
        return MftError(why.message, why.hint)

    def _ask_patiently(self, key: str, stage: str, body: Mapping[str, Any]) -> Reply:
        """Try, with full jitter between tries, and not before the endpoint wants it."""
        tries, waited = 0, 0.0
        prompt_tokens = estimated_prompt_tokens(body["messages"] if "messages" in body else body["prompt"])
        attempt = 0
        while True:
            try:
                return self._try(key, stage, body, attempt, prompt_tokens)
            except TryAgain as error:
                reason, after = self.hide(str(error)), error.after or 0.0
            if after > LONGEST_WAIT:
                raise GiveUp(f"it wants to be left alone for {after:.0f} seconds")
            if after >= SHORTEST_WAIT:
                waited += after
            else:
                tries += 1
            if tries >= self._settings.tries or waited > LONGEST_WAIT:
                raise TryAgain(reason)
            longest = min(LONGEST_PAUSE, self._settings.first_pause * 2 ** max(0, tries - 1))
            self.on_trouble(reason)
            if self._over.wait(after + random.uniform(0.0, longest)):
                raise GiveUp(GIVEN_UP)
            attempt += 1

    def _try(self, key: str, stage: str, body: Mapping[str, Any], attempt: int, prompt_tokens: int) -> Reply:
        """One request, once there is room for it.

        Raises:
            TryAgain: no reply came.
            GiveUp: none will.
        """
        known_by = self._ledger.idempotency_key(key)
        headers = {"Idempotency-Key": known_by} | ({"Authorization": f"Bearer {self._key}"} if self._key else {})
        most_tokens = prompt_tokens + int(body.get("max_tokens") or 0)
        with self._gate.place() as halvings, self._account.request(most_tokens):
            self._ledger.sent(key, stage, attempt, most_tokens)
            path = CHAT if "messages" in body else COMPLETION
            try:
                status, found, content = self._connection.post(path, body, headers, self._settings.seconds)
            except NotSent:
                self._ledger.not_sent(key)
                raise
            except (TryAgain, GiveUp):
                self._ledger.lost(most_tokens)
                raise
            try:
                reply = self._ledger.received(key, status, found, self.hide(content), prompt_tokens)
            except TryAgain as error:
                if error.busy:
                    self._gate.slow_down(halvings, min(error.after or 0.0, LONGEST_WAIT))
                raise
            self._gate.answered()
        return reply
