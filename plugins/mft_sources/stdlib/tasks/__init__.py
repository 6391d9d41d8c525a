"""The five tasks. Each is one function `make(definition) -> Example | None`; None: this definition makes no sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mft_sources.stdlib.definitions import Definition
from mft_sources.stdlib.examples import Example, stable_number
from mft_sources.stdlib.tasks import comment, completion, repair, text2code, unit_test


class Task(NamedTuple):
    """A task and how much of what it could use it takes.

    Attributes:
        make: the sample a definition gives.
        share: percent of the samples that are kept. Shares are unequal, as real tasks are, and below 100 so
            that one function is seldom in every task.
    """

    make: Callable[[Definition], Example | None]
    share: int

    def sample(self, name: str, definition: Definition) -> Example | None:
        """The sample of `definition` for this task, called `name`, where its lot falls to the task."""
        lot = stable_number(name, definition.module, definition.qualname, definition.source) % 100
        return self.make(definition) if lot < self.share else None


TASKS = {
    "comment": Task(comment.make, 70),
    "completion": Task(completion.make, 60),
    "repair": Task(repair.make, 33),
    "text2code": Task(text2code.make, 45),
    "unit_test": Task(unit_test.make, 100),
}
