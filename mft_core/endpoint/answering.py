"""Answers of a model behind an OpenAI-compatible endpoint, to the same questions that a model in this process gets.

Conversations go to /chat/completions, where the server lays them out by its own chat template; texts to be continued to
/completions, which takes them as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mft_core.data.tool_text import in_text
from mft_core.endpoint.client import Endpoint, EndpointSettings, Unanswered
from mft_core.endpoint.replies import REFUSAL, WHOLE, GiveUp, Reply, read_reply
from mft_core.endpoint.usage import estimated_prompt_tokens
from mft_core.errors import MftError
from mft_core.generation.answering import Answer, AskedPrompt, Prompt, Sampling
from mft_core.records import Turn
from mft_core.support.redact import redact

STAGE = "answer"
SEEDS = 2**31 - 1
"""Servers take seeds below this: some keep them in 32 bits with a sign."""


def read_answer(status: int, headers: Mapping[str, str], body: str) -> Reply:
    """The reply in a response, where an answer is measured: one without text is an answer too.

    Raises:
        TryAgain: there is none this time.
        GiveUp: there will be none. So says a refusal that is not about length: all questions have the same parameters.
    """
    reply = read_reply(status, headers, body, empty=True)
    if reply.end == REFUSAL and not reply.too_long:
        raise GiveUp(reply.text, status)
    return reply


class EndpointAnswerer:
    """An `Answerer` whose model is behind an endpoint. Questions of all batches are under way at once.

    Args:
        settings: of the endpoint; its `concurrency` is the most questions under way.
        journal: file of requests and responses: a question in it is not asked again.
        most_stops: stop strings that the endpoint takes; an answer that goes on behind another one is longer than it
            need be, and the same once it is cut there. 0: any number.

    Raises:
        UsageError: the URL or the key cannot be one.
        MftError: the journal cannot be read.
    """

    def __init__(self, settings: EndpointSettings, journal: Path, most_stops: int = 0) -> None:
        self._settings = settings
        self._most_stops = most_stops
        self._endpoint = Endpoint(settings, journal, read_answer)

    @property
    def server(self) -> str:
        """The model, the host and the parameters, as the user names them, without anything secret."""
        parameters = self._settings.parameters
        asked = f" with {redact(json.dumps(dict(parameters), sort_keys=True))}" if parameters else ""
        return f"{self._settings.model} at {host_of(self._settings.url)}{asked}"

    @property
    def served_by(self) -> frozenset[str]:
        """What the endpoint called the models that answered."""
        return self._endpoint.models

    def length(self, prompt: Prompt) -> int:
        """Tokens of a prompt, estimated."""
        return estimated_prompt_tokens(prompt if isinstance(prompt, str) else _messages(prompt))

    def answer_batches(self, batches: Sequence[Sequence[AskedPrompt]], sampling: Sampling) -> Iterator[list[Answer]]:
        """The answers to every batch, in order. While the caller looks at one, those behind it are written.

        Raises:
            MftError: a question got no answer; what was answered is kept, and what is under way ends first.
        """
        with ThreadPoolExecutor(self._settings.concurrency, thread_name_prefix="answers") as pool:
            asked = [[pool.submit(self._answer, question, sampling) for question in batch] for batch in batches]
            try:
                for batch in asked:
                    yield [one.result() for one in batch]
            except BaseException:
                self._endpoint.give_up()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def close(self) -> None:
        """End what is under way."""
        self._endpoint.close()

    def _answer(self, question: AskedPrompt, sampling: Sampling) -> Answer:
        prompt, parameters = question.prompt, self._parameters(question, sampling)
        try:
            if isinstance(prompt, str):
                reply = self._endpoint.continue_text(STAGE, prompt, **parameters)
            else:
                reply = self._endpoint.ask(STAGE, _messages(prompt), **parameters)
        except Unanswered as reason:
            raise MftError(
                f"the endpoint left a question without an answer: {self._endpoint.hide(str(reason))}",
                f"Is the server at {host_of(self._settings.url)} up? Rerun with the same --output: what was answered "
                "is kept.",
            ) from None
        return self._as_answer(prompt, reply)

    def _parameters(self, question: AskedPrompt, sampling: Sampling) -> dict[str, Any]:
        """Fields of the request; those of the settings are behind them in strength."""
        fields: dict[str, Any] = {"max_tokens": sampling.max_new_tokens, "temperature": sampling.temperature}
        if sampling.temperature > 0:
            # All of the distribution, as here; and a seed of its own for every sample.
            fields |= {"top_p": 1.0, "seed": sum(question.seed) % SEEDS}
        if sampling.stop:
            fields["stop"] = list(sampling.stop[: self._most_stops or None])
        return fields | dict(self._settings.parameters)

    def _as_answer(self, prompt: Prompt, reply: Reply) -> Answer:
        if reply.end == REFUSAL:
            return Answer("", self.length(prompt), 0, False)
        asked, written = self.length(prompt), 1
        if reply.usage is not None:
            asked, written = reply.usage.prompt_tokens, max(1, reply.usage.completion_tokens)
        return Answer(reply.text, asked, written, reply.end == WHOLE)


def host_of(url: str) -> str:
    """The host of a URL with its port, without user and password."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _messages(turns: Sequence[Turn]) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.content} for turn in in_text(turns)]
