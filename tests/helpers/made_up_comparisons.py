"""Comparisons that never took place."""

from __future__ import annotations

from mft_core.comparison.outcome import Comparison
from mft_core.comparison.reading import read
from mft_core.comparison.results import ArmResult, Cost, PairResult, TaskComparison

BASE = ArmResult(3.0, 2.9, 3.1, (3.0, 3.0), 1.0, 0.9, 1.1, "higher")
MIXED = ArmResult(2.0, 1.9, 2.1, (1.95, 2.05))
BETTER = ArmResult(1.5, 1.4, 1.6, (1.5, 1.5), -0.5, -0.6, -0.4, "lower", 0.001, 0.002, "lower")
ALIKE = ArmResult(2.01, 1.9, 2.1, (2.0, 2.02), 0.01, -0.1, 0.1, "no difference shown", 0.8, 0.8, "no difference shown")


def comparison() -> Comparison:
    """Of "mixed", the reference, and "famo", on two tasks that were trained and one that was not."""
    arms = {"base": BASE, "mixed": MIXED, "famo": BETTER}
    tasks = (
        TaskComparison("add", False, 30, 400, arms),
        TaskComparison("a|b", False, 5, 60, {**arms, "famo": ALIKE}),
        TaskComparison("unknown", True, 9, 90, {"base": BASE, "mixed": MIXED, "famo": BETTER}),
    )
    score = {"task": "humaneval", "metric": "pass@1", "arm": "famo", "mean": 0.25, "values": [0.5, None]}
    pairs = (PairResult("mixed", "famo", 0.5, 0.4, 0.6, "higher", 0.001, 0.001, "higher"),)
    cost = {"mixed": Cost(1, 10, 5000, 3.0), "famo": Cost(1, 10, 5100, 4.0)}
    return Comparison(
        reference="mixed",
        arms=("mixed", "famo"),
        seeds=2,
        tasks=tasks,
        mean=TaskComparison("", False, 35, 460, arms),
        cost=cost,
        scores=(score,),
        runs=(),
        warnings=("one is small",),
        pairs=pairs,
        reading=read(("mixed", "famo"), "mixed", 2, tasks, arms, pairs, cost),
    )
