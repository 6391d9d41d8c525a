"""An author that answers by a script and remembers what it was asked."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from mft_core.making.author import ASSISTANT, USER, Message
from mft_core.making.draft import Code, Draft, Refused
from mft_core.records import Turn

Answer: TypeAlias = "str | Refused | Callable[[Sequence[Message], int], str | Refused]"
"""What is said at a stage: a text, a refusal, or a function of the messages and the number of the sample."""
SOLUTION = "solution"
"""The stage under which `solve` is found in a script."""


class Question(NamedTuple):
    """What a maker asked; of `solve` the instruction is its only message."""

    stage: str
    messages: tuple[Message, ...]
    sample: int = 0


class ScriptedAuthor:
    """Stands in for a model: the same question always gets the same answer, in whatever order questions come.

    Args:
        script: answers by stage, `SOLUTION` for `solve`; of other stages the answer is a numbered list of three
            instructions that follows from the messages alone.

    Attributes:
        asked: all questions, in their order.
    """

    def __init__(self, script: Mapping[str, Answer] | None = None) -> None:
        self._script = dict(script or {})
        self._lock = threading.Lock()
        self.asked: list[Question] = []

    def ask(
        self,
        stage: str,
        messages: Sequence[Message],
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
        sample: int = 0,
    ) -> str:
        """The script's answer.

        Raises:
            Refused: it says so.
        """
        return self._answer(Question(stage, tuple(messages), sample), _three_instructions)

    def fresh(self, instructions: Sequence[str]) -> list[str]:
        """All of them."""
        return list(instructions)

    def solve(self, instruction: str, *, language: str = "python", topic: str = "", sample: int = 0) -> Draft:
        """The instruction and the script's solution, a function `solution` by default.

        Raises:
            Refused: the script says so.
        """
        source = self._answer(Question(SOLUTION, ((USER, instruction),), sample), _function)
        turns = (Turn(USER, instruction), Turn(ASSISTANT, f"```{language}\n{source}\n```"))
        return Draft(turns, Code(source, language), topic)

    def stages(self) -> list[str]:
        """Of all questions, in their order."""
        return [question.stage for question in self.asked]

    def _answer(self, question: Question, otherwise: Callable[[str], str]) -> str:
        with self._lock:
            self.asked.append(question)
        answer = self._script.get(question.stage)
        if answer is None:
            return otherwise(hashlib.blake2b(repr(question).encode(), digest_size=4).hexdigest())
        found = answer if isinstance(answer, str | Refused) else answer(question.messages, question.sample)
        if isinstance(found, Refused):
            raise found
        return found


def _three_instructions(mark: str) -> str:
    names = [f"task_{mark}_{number}" for number in (1, 2, 3)]
    return "\n".join(f"{n}. Write a function `{name}(x)` that returns x." for n, name in enumerate(names, 1))


def _function(mark: str) -> str:
    return f"def solution(x):\n    return x, {mark!r}"
