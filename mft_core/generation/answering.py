"""What is asked of a model and what comes back, wherever the model is: in this process or behind an endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from mft_core.records import Turn

Prompt = str | Sequence[Turn]
"""Text to be continued, or a conversation to be answered, laid out as in training."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen.

    Attributes:
        max_new_tokens: most tokens of one answer.
        temperature: 0: always the likeliest token; else samples from the softened distribution.
        seed: of the sampling.
        stop: strings that end an answer.
    """

    max_new_tokens: int = 512
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        text: without control tokens, and without what the template itself writes before every answer.
        prompt_tokens: length of the prompt.
        new_tokens: tokens generated, the end token included; 0: the context had no room for the prompt.
        finished: the model ended its turn itself, or with a stop string.
    """

    text: str
    prompt_tokens: int
    new_tokens: int
    finished: bool


class AskedPrompt(NamedTuple):
    """One answer that is wanted.

    Attributes:
        prompt: what the model is given.
        seed: of the drawing of this answer; any integers.
    """

    prompt: Prompt
    seed: tuple[int, ...] = ()


class Answerer(Protocol):
    """A model that writes answers to many questions: `Assistant`, or `EndpointAnswerer`."""

    @property
    def server(self) -> str:
        """Who it is, where another process answers, such as "NAME at HOST"; "": a model in this process."""
        ...

    @property
    def served_by(self) -> frozenset[str]:
        """What a server has called the models that answered; nothing of a model in this process."""
        ...

    def length(self, prompt: Prompt) -> int:
        """How long a prompt is, in tokens; a server's is estimated."""
        ...

    def answer_batches(self, batches: Sequence[Sequence[AskedPrompt]], sampling: Sampling) -> Iterator[list[Answer]]:
        """The answers to every batch, in order, each when it is asked for or before.

        Args:
            batches: of questions that are answered together; whatever stands beside a question, its answer is the same.
            sampling: of all of them; its `seed` is not used.

        Raises:
            MftError: a model behind an endpoint does not answer; what it has answered is kept.
        """
        ...
