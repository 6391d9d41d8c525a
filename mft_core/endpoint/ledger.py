"""Questions and their replies on disk: each is answered once, what it cost is counted, also over several processes."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from mft_core.endpoint.journal import LinePlace, RequestJournal
from mft_core.endpoint.replies import REFUSAL, GiveUp, Reply, TryAgain, read_reply
from mft_core.endpoint.spending import Account
from mft_core.endpoint.usage import read_usage
from mft_core.errors import MftError

SENT, NOT_SENT, RECEIVED = "sent", "not sent", "received"
ReadReply = Callable[[int, Mapping[str, str], str], Reply]


def question_key(stage: str, body: Mapping[str, Any], sample: int) -> str:
    """What tells a question from all others, as hexadecimal of 64 digits."""
    return hashlib.sha256(json.dumps([stage, body, sample], sort_keys=True).encode()).hexdigest()


class Ledger:
    """What was asked, answered and spent. For any threads.

    Args:
        path: the journal, opened or made.
        account: counts what was spent, also what the journal says of earlier processes.
        read: the reply in a response: whose verdict `read_reply` is, unless another purpose takes other replies.

    Attributes:
        restored: questions that earlier processes had a reply to.
        answered: whether any reply, also of earlier processes, was an answer and no refusal.

    Raises:
        MftError: somebody else wrote into the file.
    """

    def __init__(self, path: Path, account: Account, read: ReadReply = read_reply) -> None:
        self._account = account
        self._read_reply = read
        self._changed = threading.Condition()
        self._places: dict[str, LinePlace] = {}
        self._asking: set[str] = set()
        self._models: set[str] = set()
        self._repeated: Counter[str] = Counter()
        self._under_way: dict[str, int] = {}
        self._restored = 0
        self.answered = False
        self._journal = RequestJournal(path, self._restore)
        for tokens in self._under_way.values():  # killed before there was a response
            account.lose(tokens)
        self.restored = len(self._places)

    @property
    def models(self) -> frozenset[str]:
        """Names of the models that answered, as they give them."""
        with self._changed:
            return frozenset(self._models)

    def answer(self, key: str, ask: Callable[[], Reply], *, anew: bool = False) -> Reply:
        """The reply to a question: from the journal or, once for all threads that want it, by asking.

        Args:
            ask: gets a reply by way of `received`.
            anew: take no reply that an earlier process had; one that was had since is taken.

        Raises:
            MftError: the journal cannot be read any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: key not in self._asking)
            place = self._places.get(key)
            if place is not None and anew and self._is_earlier(place):
                place = None
            if place is None:
                self._asking.add(key)
        if place is not None:
            return self._read(key, place)
        try:
            return ask()
        finally:
            with self._changed:
                self._asking.discard(key)
                self._changed.notify_all()

    def idempotency_key(self, key: str) -> str:
        """What an endpoint is to know a question by: another one after each reply, for it to give a new one."""
        with self._changed:
            replies = (key in self._places) + self._repeated[key]
        return f"{key}-{replies}" if replies else key

    def sent(self, key: str, stage: str, attempt: int, most_tokens: int = 0) -> None:
        """Have on disk that a request goes out now.

        Args:
            most_tokens: that it may cost, which count as lost unless `received` or `not_sent` follows.

        Raises:
            MftError: the journal cannot be written: do not send it.
        """
        record = {"event": SENT, "key": key, "stage": stage, "attempt": attempt, "tokens": most_tokens}
        self._journal.append(record)

    def not_sent(self, key: str) -> None:
        """Have on disk that the request which was to go out did not.

        Raises:
            MftError: the journal cannot be written.
        """
        self._journal.append({"event": NOT_SENT, "key": key})

    def lost(self, most_tokens: int) -> None:
        """Count a request that no response came to: that it has none tells a later process the same."""
        self._account.lose(most_tokens)

    def received(self, key: str, status: int, headers: Mapping[str, str], body: str, prompt_tokens: int) -> Reply:
        """Have a response on disk, then see what it cost and what reply it is.

        Args:
            body: without secrets.
            prompt_tokens: of the question, estimated.

        Raises:
            TryAgain, GiveUp: it is none.
            MftError: the journal cannot be written.
        """
        record = {"event": RECEIVED, "key": key, "status": status, "prompt_tokens": prompt_tokens, "body": body}
        return self._take(self._journal.append(record), record, headers)

    def _restore(self, place: LinePlace, record: dict[str, Any]) -> None:
        self._restored = place.start + place.length
        key = record["key"]
        before = self._under_way.pop(key, 0)
        if record["event"] == SENT:
            self._account.lose(before)  # of two requests in a row for one question, the first had no response
            self._account.restore_request()
            self._under_way[key] = record.get("tokens", 0)
        elif record["event"] == RECEIVED:
            with suppress(TryAgain, GiveUp):
                self._take(place, record, {})

    def _take(self, place: LinePlace, record: Mapping[str, Any], headers: Mapping[str, str]) -> Reply:
        usage = read_usage(record["status"], record["body"], record["prompt_tokens"])
        if usage is not None:
            self._account.add(usage)
        reply = replace(self._read_reply(record["status"], headers, record["body"]), usage=usage)
        with self._changed:
            if record["key"] in self._places:
                self._repeated[record["key"]] += 1
            self._places[record["key"]] = place
            self.answered = self.answered or reply.end != REFUSAL
            if reply.model:
                self._models.add(reply.model)
        return reply

    def _read(self, key: str, place: LinePlace) -> Reply:
        record = self._journal.read(place)
        if record.get("key") != key:
            raise MftError(
                f"{self._journal.path} is not what it was: an answer is no longer where it was written",
                "Somebody else changed it. Rerun: what is whole in it is kept.",
            )
        usage = read_usage(record["status"], record["body"], record["prompt_tokens"])
        reply = self._read_reply(record["status"], {}, record["body"])
        return replace(reply, usage=usage, earlier=self._is_earlier(place))

    def _is_earlier(self, place: LinePlace) -> bool:
        return place.start < self._restored
