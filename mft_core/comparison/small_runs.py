"""The small runs of the arm "mix": how much of each task they train on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from mft_core.comparison.mixing_law import FEWEST_RUNS
from mft_core.errors import UsageError
from mft_core.registry.options import Options

FEWEST_STEPS = 3
"""Of the smallest one: less says nothing of what training does."""


class MixOptions(Options):
    """How the arm "mix" finds its proportions."""

    share: float = Field(1.0, gt=0, le=100, description="tokens of all small runs together, in budgets of one run")
    factor: float = Field(
        3.0, gt=1, le=100, description="small runs have so many times a task's data, or that part; proportions too"
    )
    runs: int = Field(
        0, ge=0, description="small runs; 0: 2 N + 3, one or all tasks changed; else all but three change all at random"
    )


@dataclass(frozen=True, slots=True)
class Amounts:
    """What a run on all tasks in their natural proportions trains on.

    Attributes:
        tasks: N names.
        tokens: float64 [N], of each task's training data, as often as it is repeated.
        repeats: float64 [N], how often that is.
        importance: float64 [N], weights of the tasks in the objective.
        passes: over all that.
        steps: optimizer steps.
    """

    tasks: tuple[str, ...]
    tokens: np.ndarray
    repeats: np.ndarray
    importance: np.ndarray
    passes: float
    steps: int

    @property
    def natural(self) -> np.ndarray:
        """float64 [N], shares of the tokens, summing to 1."""
        return self.tokens / self.tokens.sum()

    @property
    def budget(self) -> float:
        """Tokens."""
        return self.passes * float(self.tokens.sum())


@dataclass(frozen=True, slots=True)
class SmallRun:
    """One of them: optimizer steps, and each task's repetitions of data that has `Amounts.repeats` by itself."""

    steps: int
    repeats: tuple[float, ...]


def small_runs(amounts: Amounts, options: MixOptions) -> list[SmallRun]:
    """The small runs, whose tokens together are about `options.share` of the budget.

    Raises:
        UsageError: the smallest would be too short, or there would be too few.
    """
    changes = changed_amounts(len(amounts.tasks), options)
    sizes = changes @ amounts.natural
    unit = options.share * amounts.steps / sizes.sum()
    steps = np.rint(unit * sizes).astype(int)
    if steps.min() < FEWEST_STEPS:
        needed = FEWEST_STEPS / (unit * sizes.min() / options.share)
        fewer = f", or fewer of them (runs={FEWEST_RUNS} or more)" if len(changes) > FEWEST_RUNS else ""
        raise UsageError(
            f"its {len(changes)} small runs share {options.share * amounts.steps:.0f} optimizer steps, and the "
            f"smallest would have {steps.min()}, where {FEWEST_STEPS} is the least",
            f"train longer, or give the small runs more than a budget (share={needed:.1f}){fewer}",
        )
    repeats = amounts.repeats * changes / sizes[:, None]
    return [SmallRun(int(count), tuple(map(float, row))) for count, row in zip(steps, repeats, strict=True)]


def changed_amounts(tasks: int, options: MixOptions) -> np.ndarray:
    """float64 [M, N]: how many times its natural amount each task has in each small run; no two runs are alike.

    The first run has all as they are, two others all tasks times `factor` and divided by it, which shows how losses
    follow the size of the budget. Then each task alone is changed so; or, where `options.runs` says how many runs there
    are, all tasks at once, up in half of the runs and down in the others. This design is ours.

    Raises:
        UsageError: too few, or more than there are ways to change all.
    """
    more, less = options.factor, 1 / options.factor
    whole = np.array([[1.0], [more], [less]]) * np.ones(tasks)
    if not options.runs:
        single = np.ones((2, tasks, tasks)) + np.stack([np.eye(tasks) * (more - 1), np.eye(tasks) * (less - 1)])
        return np.concatenate([whole, single.transpose(1, 0, 2).reshape(-1, tasks)])
    check_runs(options)
    most = len(whole) + 2**tasks - 2
    if options.runs > most:
        raise UsageError(
            f"{tasks} tasks can all be changed at once in {most} small runs, and runs={options.runs} would repeat some",
            f"leave runs out, for {2 * tasks + len(whole)} that change one task each",
        )
    return np.concatenate([whole, np.where(_ups(tasks, options.runs - len(whole)), more, less)])


def check_runs(options: MixOptions) -> None:
    """Raise UsageError where there are too few small runs, whatever the tasks."""
    if 0 < options.runs < FEWEST_RUNS:
        raise UsageError(
            f"{options.runs} small runs are too few for a law of three parameters",
            f"runs={FEWEST_RUNS} or more; 0: as many as there are tasks to change",
        )


def _ups(tasks: int, runs: int) -> np.ndarray:
    """bool [runs, tasks], at random: rows and their opposites in turn, all different, none the same in all tasks."""
    generator = np.random.default_rng(0)
    rows: dict[tuple[bool, ...], None] = {}
    while len(rows) < runs:
        row = generator.random(tasks) < 0.5
        if row.any() and not row.all():
            rows |= dict.fromkeys([tuple(map(bool, row)), tuple(map(bool, ~row))])
    return np.array(list(rows)[:runs])
