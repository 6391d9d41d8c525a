"""Steps that were not taken, since their loss or gradient was not finite."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mft_core.batching.sample_table import SampleTable
from mft_core.errors import MftError
from mft_core.records import StepCounts
from mft_core.training.step import StepOutcome


class BadSteps:
    """Names the tasks and samples of each, and gives up after too many in a row.

    Args:
        names: the tasks, in task-id order.
        table: the training samples.
        most: steps in a row that end the run.
        emit: writes an event: its name and its fields.

    Attributes:
        in_a_row: how many there were since the last step that was taken.
    """

    def __init__(self, names: tuple[str, ...], table: SampleTable, most: int, emit: Callable[..., None]) -> None:
        self.in_a_row = 0
        self._names = names
        self._table = table
        self._most = most
        self._emit = emit

    def report(self, step: int, outcome: StepOutcome, counts: StepCounts, last_good: str) -> None:
        """One more.

        Args:
            step: optimizer steps done, this one among them.
            last_good: in words, the checkpoint that can be gone back to.

        Raises:
            MftError: they are too many.
        """
        self.in_a_row += 1
        tasks = {int(self._table.task[index]) for index in outcome.bad_samples} or set(np.flatnonzero(counts.samples))
        names = sorted(self._names[task] for task in tasks)
        what = "loss" if outcome.bad_samples else "gradient"
        self._emit("skip", reason=f"{what} not finite", tasks=names, samples=outcome.bad_samples[:20])
        if self.in_a_row >= self._most:
            raise MftError(
                f"{what} not finite in {self.in_a_row} steps in a row, last at step {step}, in: {', '.join(names)}",
                f"{last_good}. Try a lower train.learning_rate, or model.dtype = 'float32'",
            )
