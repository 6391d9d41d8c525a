"""Who makers ask: one model, with what it needs to write solutions that can be checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mft_core.making.draft import Draft

SYSTEM, USER, ASSISTANT = "system", "user", "assistant"
Message = tuple[str, str]
"""(role, content)"""


class Author(Protocol):
    """The model behind a making."""

    def ask(
        self,
        stage: str,
        messages: Sequence[Message],
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
        sample: int = 0,
    ) -> str:
        """The model's answer, from the journal if it is there.

        Put what all questions of a stage share first (a system message): servers then compute it once.

        Args:
            stage: what the question is for, such as "solution".
            messages: the conversation so far, ending with the user's.
            temperature: None: the recipe's.
            max_tokens: of the answer; None: the recipe's.
            sample: the same question with another number gets an answer of its own.

        Raises:
            Refused: the answer was cut off, filtered, or refused by the endpoint.
        """
        ...

    def fresh(self, instructions: Sequence[str]) -> list[str]:
        """Those of a seed's instructions that are unlike all that were let through before: what is worth a solution.

        Call it once for a seed, with all that it would have solved. It waits until the seeds before have called it, or
        have ended. What it leaves out is counted under the filter that would have refused the record; a second call
        leaves out nothing, for the seeds after have been decided on by then.
        """
        ...

    def solve(self, instruction: str, *, language: str = "python", topic: str = "", sample: int = 0) -> Draft:
        """A record of the instruction and the model's solution in code, with what the recipe's filters check it by:
        tests that it wrote, a second solution, inputs.

        Raises:
            Refused: there is no code in the answer, or it was cut off, filtered or refused.
        """
        ...
