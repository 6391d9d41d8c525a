"""Evaluators of code: judged by running it in the sandbox, several at a time, never anywhere else."""

from __future__ import annotations

import math
import os
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from pydantic import Field
from typing_extensions import TypeVar

from mft_core.evaluation.generative import GenerativeEvaluator
from mft_core.evaluation.generative_measure import GenerativeOptions
from mft_core.evaluation.items import Attempt, Item, Verdict

if TYPE_CHECKING:
    from mft_core.sandbox import Limits, Outcome, Tier

CLOCK_FACTOR = 3.0
"""Seconds by the clock for every second of processor time."""


class CodeOptions(GenerativeOptions):
    """Options of evaluators that run what the model wrote."""

    timeout: float = Field(10.0, gt=0, description="processor seconds of one completion; three times that by the clock")
    workers: int = Field(0, ge=0, description="completions judged at the same time; 0: one per core")
    unsafe_local: bool = Field(
        False, description="where the machine has no sandbox, run the code without one: it can do whatever you can"
    )


SomeCodeOptions = TypeVar("SomeCodeOptions", bound=CodeOptions, default=CodeOptions, covariant=True)


class CodeEvaluator(GenerativeEvaluator[SomeCodeOptions]):
    """Judges a completion by running it in the sandbox: a subclass says with `run` how."""

    @abstractmethod
    def run(self, item: Item, completion: str, limits: Limits, tier: Tier) -> Outcome:
        """Run the completion against the item's tests, with `mft_core.sandbox`; called in threads."""

    def check(self) -> None:
        """Load the set and find a sandbox."""
        from mft_core.sandbox import best_tier

        super().check()
        best_tier(unsafe_local=self.options.unsafe_local)

    def judge(self, item: Item, completion: str) -> Verdict:
        """The verdict on one completion."""
        return next(self.judge_many([Attempt(item, 0, completion)]))

    def judge_many(self, attempts: Sequence[Attempt]) -> Iterator[Verdict]:
        """Verdicts in order, as they become ready.

        Raises:
            MftError: this machine has no sandbox, and `unsafe_local` is not set.
        """
        from mft_core.sandbox import best_tier, judge_many

        tier = best_tier(unsafe_local=self.options.unsafe_local)
        jobs = [partial(self.run, it.item, it.completion, self.limits(), tier) for it in attempts]
        for outcome in judge_many(jobs, workers=self.options.workers or os.cpu_count() or 1):
            yield as_verdict(outcome)

    def limits(self) -> Limits:
        """What one completion may use: processor time mostly, so that a busy machine gives the same verdicts."""
        from mft_core.sandbox import Limits

        seconds = self.options.timeout
        return Limits(seconds=CLOCK_FACTOR * seconds, cpu_seconds=math.ceil(seconds))


def as_verdict(outcome: Outcome) -> Verdict:
    """A sandbox's outcome; its own failures are not scored."""
    score = None if outcome.verdict == "infra_error" else float(outcome.passed)
    return Verdict(outcome.verdict, score, outcome.detail)
