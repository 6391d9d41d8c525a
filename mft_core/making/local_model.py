"""A model on this machine that is asked as one behind an endpoint is."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_core.endpoint.client import Unanswered
from mft_core.endpoint.ledger import Ledger, question_key
from mft_core.endpoint.replies import CUT_OFF, WHOLE, Reply, TryAgain
from mft_core.endpoint.spending import Account, Allowance, Spending
from mft_core.endpoint.usage import estimated_prompt_tokens
from mft_core.errors import MftError
from mft_core.generation.answering import Answer, Sampling
from mft_core.generation.assistant import Assistant
from mft_core.generation.opening import open_assistant
from mft_core.records import Turn
from mft_core.support.redact import redact

if TYPE_CHECKING:
    from mft_core.registry.catalog import Catalog

GATHERING_SECONDS = 0.05
"""Threads whose questions were answered together ask their next ones within this time: as one batch, not as two."""


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Which model, and how it is asked.

    Attributes:
        base: a run folder, or what `--base` takes; the model is known by this name.
        temperature: 0: always the likeliest token.
        max_tokens: most tokens of an answer.
        batch_size: most questions that are answered together.
        budget: that nothing is written beyond.
        prices: of a million tokens of prompts and of answers, if one's own machine has any.
    """

    base: str
    temperature: float = 0.7
    max_tokens: int = 1024
    batch_size: int = 16
    budget: Allowance = field(default_factory=Allowance)
    prices: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    turns: Sequence[Turn]
    sampling: Sampling
    seed: tuple[int, ...]
    answer: Future[Answer] = field(default_factory=Future)


class LocalModel:
    """Questions to a model on this machine, each answered once: those in the journal are not answered again.

    One thread owns the model, and answers together what other threads ask. What it draws follows from a question
    alone, whatever was asked beside it (in low precision, batches round differently).

    Args:
        assistant: the model; nobody else may use it until `close`.
        settings: how it is asked.
        journal: as an endpoint's; made when needed.

    Attributes:
        on_trouble: as an endpoint's; never called.

    Raises:
        MftError: the journal cannot be read.
    """

    def __init__(self, assistant: Assistant, settings: LocalSettings, journal: Path) -> None:
        self._assistant = assistant
        self._settings = settings
        self._account = Account(settings.budget, settings.prices)
        self._ledger = Ledger(journal, self._account)
        self._changed = threading.Condition()
        self._waiting: list[_Question] = []
        self._over: MftError | None = None
        self.on_trouble: Callable[[str], None] = lambda reason: None
        self._owner = threading.Thread(target=self._answer_all, name="local-model", daemon=True)
        self._owner.start()

    @property
    def spending(self) -> Spending:
        """What was read and written so far, also by earlier processes with the same journal."""
        return self._account.spending

    @property
    def restored(self) -> int:
        """Questions whose answers earlier processes left in the journal."""
        return self._ledger.restored

    @property
    def models(self) -> frozenset[str]:
        """Names of the models that answered."""
        return self._ledger.models

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
            stage: what the question is for; the same question is answered once for each.
            messages: "role" and "content" of each, ending with the user's.
            sample: the same question with another number gets a reply of its own.
            anew: take no reply of an earlier process, and draw another one.
            parameters: temperature and max_tokens, in place of those in the settings.

        Raises:
            Unanswered: the model says nothing.
            BudgetSpent: the rest of the budget may not suffice for it.
            MftError: the model failed, or was closed; or the disk is full.
        """
        own = {"temperature": self._settings.temperature, "max_tokens": self._settings.max_tokens}
        if unknown := sorted(parameters.keys() - own.keys()):
            raise TypeError(f"a model on this machine takes no {', '.join(unknown)}")
        body = {"model": self._settings.base, "messages": [dict(one) for one in messages], **own, **parameters}
        key = question_key(stage, body, sample)
        return self._ledger.answer(key, partial(self._ask, key, stage, body), anew=anew)

    def give_up(self) -> None:
        """Answer nothing more but what is being answered."""
        self._end(MftError("the model on this machine was closed", "Rerun: what was answered is kept."))

    def close(self) -> None:
        """Give up, and wait for the answers under way. What is in the journal can still be asked for."""
        self.give_up()
        self._owner.join()

    def _ask(self, key: str, stage: str, body: Mapping[str, Any]) -> Reply:
        turns = [Turn(one["role"], one["content"]) for one in body["messages"]]
        sampling = Sampling(body["max_tokens"], body["temperature"])
        prompt_tokens = estimated_prompt_tokens(body["messages"])
        with self._account.request(prompt_tokens + body["max_tokens"]):
            self._ledger.sent(key, stage, 0)
            question = _Question(turns, sampling, _seed(self._ledger.idempotency_key(key)))
            with self._changed:
                if self._over is not None:
                    raise self._over
                self._waiting.append(question)
                self._changed.notify_all()
            response = redact(self._as_response(question.answer.result()))
            try:
                return self._ledger.received(key, 200, {}, response, prompt_tokens)
            except TryAgain as reason:
                raise Unanswered(str(reason)) from None

    def _as_response(self, answer: Answer) -> str:
        """What an endpoint would have sent: then a journal is read in one way."""
        message = {"role": "assistant", "content": answer.text}
        choice = {"index": 0, "message": message, "finish_reason": WHOLE if answer.finished else CUT_OFF[0]}
        usage = {"prompt_tokens": answer.prompt_tokens, "completion_tokens": answer.new_tokens}
        return json.dumps({"model": self._settings.base, "choices": [choice], "usage": usage}, ensure_ascii=False)

    def _answer_all(self) -> None:
        """Answer batch after batch, until it is over."""
        while batch := self._next_batch():
            try:
                answers = self._assistant.answer_many(
                    [one.turns for one in batch], batch[0].sampling, [one.seed for one in batch]
                )
            except Exception as error:  # noqa: BLE001 - whatever it is, no thread may wait for ever
                failure = MftError(
                    f"the model {self._settings.base} failed: {type(error).__name__} {redact(str(error))}",
                    "Where memory was short, fewer questions at once or shorter answers need less. "
                    "Rerun then: what was answered is kept.",
                )
                self._end(failure)
                for one in batch:
                    one.answer.set_exception(failure)
                return
            for one, answer in zip(batch, answers, strict=True):
                one.answer.set_result(answer)

    def _next_batch(self) -> list[_Question]:
        """Questions that are sampled alike, the longest waiting among them; none: it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._over)
            size = self._settings.batch_size
            self._changed.wait_for(lambda: len(self._alike()) >= size or self._over, GATHERING_SECONDS)
            batch = [] if self._over else self._alike()[:size]
            self._waiting = [one for one in self._waiting if one not in batch]
        return batch

    def _alike(self) -> list[_Question]:
        return [one for one in self._waiting if one.sampling == self._waiting[0].sampling]

    def _end(self, reason: MftError) -> None:
        """Turn away who waits and who comes; the first reason counts."""
        with self._changed:
            self._over = self._over or reason
            for one in self._waiting:
                one.answer.set_exception(self._over)
            self._waiting = []
            self._changed.notify_all()


def _seed(key: str) -> tuple[int, ...]:
    """What a question's answer is drawn with: its key, and how many answers it had before, if any."""
    digits, _, replies = key.partition("-")
    return (int(digits[:16], 16), *([int(replies)] if replies else []))


def open_local_model(settings: LocalSettings, journal: Path, catalog: Catalog) -> LocalModel:
    """The model in a run folder or of a base, on the GPU if there is one.

    Raises:
        UsageError: there is no such run or base.
        MftError: it cannot be had or loaded, or the journal cannot be read.
    """
    return LocalModel(open_assistant(settings.base, catalog), settings, journal)
