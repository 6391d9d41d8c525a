"""Families of comparisons, and what Holm's correction leaves of their verdicts.

There are two, one for each question: which arm is best, every two arms on the mean over tasks; and who gains and who
pays, every arm against the reference on every task. In each of them, all verdicts are right in 95% of all comparisons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mft_core.comparison.arms import BASE
from mft_core.comparison.multiplicity import holm
from mft_core.comparison.results import HIGHER, LOWER, UNDECIDED, ArmResult, PairResult, TaskComparison
from mft_core.comparison.statistics import CONFIDENCE

OPPOSITE = {LOWER: HIGHER, HIGHER: LOWER}


def corrected_tasks(tasks: Sequence[TaskComparison]) -> list[TaskComparison]:
    """The tasks with the verdicts that the correction for all of them and all arms leaves."""
    places = [(task.name, arm) for task in tasks for arm, result in task.arms.items() if _is_compared(arm, result)]
    by_name = {task.name: task for task in tasks}
    found = dict(zip(places, holm([by_name[name].arms[arm].p for name, arm in places]), strict=True))
    return [
        replace(
            task,
            arms={
                arm: _corrected(result, found[task.name, arm]) if (task.name, arm) in found else result
                for arm, result in task.arms.items()
            },
        )
        for task in tasks
    ]


def corrected_pairs(pairs: Sequence[PairResult]) -> tuple[PairResult, ...]:
    """The pairs with the verdicts that the correction for all of them leaves."""
    found = holm([pair.p for pair in pairs])
    return tuple(
        replace(pair, p_corrected=p, corrected=corrected_verdict(pair.verdict, p))
        for pair, p in zip(pairs, found, strict=True)
    )


def mean_with_pairs(arms: Mapping[str, ArmResult], pairs: Sequence[PairResult], reference: str) -> dict[str, ArmResult]:
    """Results on the mean over tasks with the verdicts against the reference that the correction of `pairs` leaves."""
    found = dict(arms)
    for pair in pairs:
        if reference == pair.other:
            found[pair.one] = replace(found[pair.one], p_corrected=pair.p_corrected, corrected=pair.corrected)
        if reference == pair.one:
            turned = OPPOSITE.get(pair.corrected, pair.corrected)
            found[pair.other] = replace(found[pair.other], p_corrected=pair.p_corrected, corrected=turned)
    return found


def corrected_verdict(verdict: str, p: float | None) -> str:
    """What is left of a verdict. One without a p-value is no matter of chance: a loss that is not finite is higher."""
    if verdict in OPPOSITE and p is not None and 1 - p <= CONFIDENCE:
        return UNDECIDED
    return verdict


def _corrected(result: ArmResult, p: float | None) -> ArmResult:
    return replace(result, p_corrected=p, corrected=corrected_verdict(result.verdict, p))


def _is_compared(arm: str, result: ArmResult) -> bool:
    return arm != BASE and bool(result.verdict)
