"""Which instructions are worth a solution, decided before anybody pays for it: they are new, and no leaked problem.

They are decided on in the order of the seeds, and compared with those let through before, whatever became of their
solutions: what is let through follows from the instructions alone, not from which answer came first, nor from how often
the making was interrupted. A seed therefore waits here until those before it have said what they would solve.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import NamedTuple

from mft_core.audit.shingles import text_digest, words
from mft_core.making.draft import Refused
from mft_core.making.filters.chain import FilterChain
from mft_core.making.filters.duplicates import DuplicatesFilter
from mft_core.making.filters.refusals import check_instruction
from mft_core.making.filters.rouge import RougeFilter, RougeIndex

SHOWN = 60


class NotAdmitted(NamedTuple):
    """An instruction that was not let through: the filter and the reason it counts under, and what exactly."""

    instruction: str
    filter: str
    reason: str
    detail: str


class Admission:
    """Lets instructions through that are unlike all before, seed by seed.

    Args:
        most_rouge: the greatest ROUGE-L with an earlier one that is let through; 0 or 1: any, but no equal text.
        filters: what they refuse by the instruction alone is neither let through nor remembered.
    """

    def __init__(self, most_rouge: float, filters: FilterChain) -> None:
        self._filters = filters
        self._changed = threading.Condition()
        self._turns = self._next = 0
        self._passed: set[int] = set()
        self._is_over = False
        self._digests: dict[int, str] = {}
        self._index = RougeIndex(most_rouge) if 0 < most_rouge < 1 else None
        self._shown: list[str] = []

    def turn(self) -> SeedAdmission:
        """The next seed's. Every turn must end, or those after it wait for ever."""
        with self._changed:
            self._turns += 1
            return SeedAdmission(self, self._turns - 1)

    def close(self) -> None:
        """Let nobody wait any longer: what the seeds in work come to is of no use."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def decide(self, turn: int, instructions: Sequence[str]) -> list[NotAdmitted | None]:
        """Why each is not let through; None: it is. Likeness is looked at once a turn."""
        alone = [self._by_itself(instruction) for instruction in instructions]
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or self._is_past(turn) or self._next == turn)
            if self._is_over or self._is_past(turn):
                return alone
            found = [one or self._looked_at(text) for text, one in zip(instructions, alone, strict=True)]
            self._pass(turn)
            return found

    def end(self, turn: int) -> None:
        """Go on with the next one."""
        with self._changed:
            if not self._is_past(turn):
                self._pass(turn)

    def _is_past(self, turn: int) -> bool:
        return turn < self._next or turn in self._passed

    def _pass(self, turn: int) -> None:
        self._passed.add(turn)
        while self._next in self._passed:
            self._passed.remove(self._next)
            self._next += 1
        self._changed.notify_all()

    def _by_itself(self, instruction: str) -> NotAdmitted | None:
        refusal = self._filters.check_instruction(instruction)
        return NotAdmitted(instruction, *refusal) if refusal is not None else None

    def _looked_at(self, instruction: str) -> NotAdmitted | None:
        try:
            check_instruction(instruction)
        except Refused:
            return None  # who is to solve it says why it is none
        digest = text_digest(instruction)
        if digest in self._digests:
            detail = f"of {self._digests[digest]!r}"
            return NotAdmitted(instruction, DuplicatesFilter.name, "duplicate instruction", detail)
        if self._index is not None:
            tokens = words(instruction)
            if (found := self._index.most_alike(tokens)) is not None:
                number, score = found
                detail = f"{score:.2f} with {self._shown[number]!r}"
                return NotAdmitted(instruction, RougeFilter.name, RougeFilter.REASON, detail)
            self._index.add(tokens)
            self._shown.append(instruction[:SHOWN])
        self._digests[digest] = instruction[:SHOWN]
        return None


class SeedAdmission:
    """One seed's part in an admission.

    Attributes:
        refused: what it was not let through with.
    """

    def __init__(self, admission: Admission, number: int) -> None:
        self._admission, self._number = admission, number
        self.refused: list[NotAdmitted] = []

    def fresh(self, instructions: Sequence[str]) -> list[str]:
        """Those of its instructions that are let through; waits for the seeds before."""
        found = self._admission.decide(self._number, instructions)
        self.refused += [one for one in found if one is not None]
        return [instruction for instruction, one in zip(instructions, found, strict=True) if one is None]

    def end(self) -> None:
        """The seed has no more instructions."""
        self._admission.end(self._number)
