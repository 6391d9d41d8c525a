"""What came of a comparison: losses with intervals, differences to one arm, winners and losers, cost, scores."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from mft_core.comparison.arm import BASE, SINGLE
from mft_core.comparison.arms import ArmRun
from mft_core.comparison.families import corrected_pairs, corrected_tasks, mean_with_pairs
from mft_core.comparison.losses_file import LOSSES_FILE, Measured, TaskLossesBySample, read_losses
from mft_core.comparison.mixture_words import mixture_sentences
from mft_core.comparison.multiplicity import p_values
from mft_core.comparison.reading import Reading, read
from mft_core.comparison.results import (
    HIGHER,
    LOWER,
    UNDECIDED,
    UNKNOWN,
    ArmResult,
    Cost,
    PairResult,
    TaskComparison,
)
from mft_core.comparison.run_numbers import cost_of_seed, run_facts, scores_of_arms
from mft_core.comparison.statistics import CONFIDENCE, RESAMPLES, Draws, draw_task, mean_over_tasks, seed_weights
from mft_core.errors import MftError
from mft_core.support.lists import first_few

FEW_SAMPLES = 20
BUDGET_TOLERANCE = 0.05
GENERATOR_SEED = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything `mft compare` reports.

    Attributes:
        reference: the arm others are compared with.
        arms: in the order asked for, without "base".
        seeds: how many.
        tasks: trained ones, then unseen ones.
        mean: over the trained tasks, in proportion to their weight (equation 1).
        cost: by arm; that of "mix" with its small runs.
        scores: of evaluators: "task", "metric", "arm", "values" (by seed) and their "mean".
        runs: each run in numbers.
        warnings: what a reader must know to judge the numbers.
        pairs: every two arms on the mean over tasks.
        reading: what follows from all this, in words.
    """

    reference: str
    arms: tuple[str, ...]
    seeds: int
    tasks: tuple[TaskComparison, ...]
    mean: TaskComparison
    cost: Mapping[str, Cost]
    scores: tuple[Mapping[str, Any], ...]
    runs: tuple[Mapping[str, Any], ...]
    warnings: tuple[str, ...]
    pairs: tuple[PairResult, ...]
    reading: Reading

    def tasks_with(self, arm: str, verdict: str) -> list[str]:
        """Names of the tasks on which `arm` got that verdict."""
        return [task.name for task in self.tasks if arm in task.arms and task.arms[arm].verdict == verdict]

    def as_json(self) -> dict[str, Any]:
        """JSON values only; what compare.json holds."""
        verdicts = (LOWER, HIGHER, UNDECIDED, UNKNOWN)
        against = {
            arm: {verdict: self.tasks_with(arm, verdict) for verdict in verdicts}
            for arm in self.arms
            if arm != self.reference
        }
        method = {"confidence": CONFIDENCE, "resamples": RESAMPLES, "unit": "nats per supervised token"}
        return {**asdict(self), **method, "against_reference": against}


def gather(
    runs: Sequence[ArmRun],
    base: Measured,
    importance: Mapping[str, float],
    unseen: Sequence[str],
    reference: str,
    arms: Sequence[str] = (),
    remarks: Sequence[str] = (),
) -> Comparison:
    """Compare finished runs.

    Args:
        runs: of all arms and seeds.
        base: losses of the model before training.
        importance: weight of each trained task, in order.
        unseen: names of the tasks that no arm trained.
        reference: an arm.
        arms: in the order in which they are shown; none: that of their runs.
        remarks: further warnings.

    Raises:
        MftError: runs were measured on different validation samples.
    """
    arms = tuple(arms or dict.fromkeys(run.arm for run in runs))
    seeds = len({run.seed for run in runs})
    measured = [(run, _read(run)) for run in runs if not run.part]
    generator = np.random.default_rng(GENERATOR_SEED)
    weights = seed_weights(seeds, RESAMPLES, generator)
    trained = [name for name in importance if name in base]
    if not trained:
        raise MftError("no task has validation data: there is nothing to compare", "raise data.valid_fraction")
    draws, tasks = [], []
    for name in (*trained, *(name for name in unseen if name in base)):
        stack = _stack(name, base[name], arms, measured)
        found = draw_task(with_differences(stack, reference), base[name].tokens, weights, generator)
        size = (len(base[name].tokens), int(base[name].tokens.sum()))
        tasks.append(TaskComparison(name, name not in importance, *size, _results(list(stack), reference, found)))
        if name in importance:
            draws.append(found)
    shares = np.array([importance[name] for name in trained], np.float64)
    mean = mean_over_tasks(draws, shares)
    pairs = corrected_pairs(list(_pairs(arms, draws, shares)))
    on_mean = mean_with_pairs(_results([BASE, *arms], reference, mean), pairs, reference)
    tasks = corrected_tasks(tasks)
    facts = [run_facts(run) for run in runs]
    results = [fact for fact in facts if not fact["part"]]
    cost, missing = _costs(facts, arms, seeds), sorted({*importance, *unseen} - base.keys())
    return Comparison(
        reference=reference,
        arms=arms,
        seeds=seeds,
        tasks=tuple(tasks),
        mean=TaskComparison("", False, *_sizes(tasks), on_mean),
        cost=cost,
        scores=tuple(scores_of_arms(results)),
        runs=tuple(facts),
        warnings=(*_warnings(tasks, _costs(results, arms, seeds), seeds, missing), *remarks),
        pairs=pairs,
        reading=read(arms, reference, seeds, tasks, on_mean, pairs, cost, mixture_sentences(facts)),
    )


def _costs(facts: Sequence[Mapping[str, Any]], arms: Sequence[str], seeds: int) -> dict[str, Cost]:
    return {arm: cost_of_seed([fact for fact in facts if fact["arm"] == arm], seeds) for arm in arms}


def with_differences(stack: Mapping[str, np.ndarray], reference: str) -> np.ndarray:
    """float64 [2A, S, M]: every arm, then every arm less the reference; `stack` has float64 [S, M] for each of A.

    Without the reference (a task alone is not measured on unseen tasks) the differences are NaN.
    """
    arms = np.stack(list(stack.values()))
    return np.concatenate([arms, arms - stack.get(reference, np.nan)])


def _read(run: ArmRun) -> Measured:
    measured = read_losses(run.folder / LOSSES_FILE)
    if measured is None:
        raise MftError(f"{run.folder / LOSSES_FILE} is missing or damaged", "delete it and compare again")
    return measured


def _stack(
    name: str, base: TaskLossesBySample, arms: Sequence[str], measured: Sequence[tuple[ArmRun, Measured]]
) -> dict[str, np.ndarray]:
    """Cross-entropy of one task's samples under each arm that measured it, float64 [S, M]; the base first.

    What is not finite is NaN: infinities have no differences.
    """
    found: dict[str, list[np.ndarray]] = {}
    for run, losses in sorted(measured, key=lambda pair: pair[0].seed):
        if run.task not in ("", name) or name not in losses:
            continue
        part = losses[name]
        if not np.array_equal(part.digests, base.digests):
            raise MftError(
                f"{run.folder} was measured on other validation samples of {name!r} than the base model",
                "the data has changed since: compare in another --output",
            )
        found.setdefault(run.arm, []).append(part.cross_entropy)
    ordered = {arm: np.stack(found[arm]) for arm in arms if arm in found}
    seeds = len(next(iter(ordered.values())))
    stack = {BASE: np.repeat(base.cross_entropy[None], seeds, axis=0), **ordered}
    return {arm: np.where(np.isfinite(losses), losses, np.nan) for arm, losses in stack.items()}


def _results(arms: Sequence[str], reference: str, draws: Draws) -> dict[str, ArmResult]:
    """`draws` has the losses of the arms, then their differences to the reference."""
    low, high = draws.interval()
    p = p_values(draws)
    lost = {arm: not math.isfinite(draws.point[index]) for index, arm in enumerate(arms)}
    results = {}
    for index, arm in enumerate(arms):
        delta = index + len(arms)
        by_seed = tuple(_finite(value) for value in draws.by_seed[index])
        result = ArmResult(_finite(draws.point[index]), _finite(low[index]), _finite(high[index]), by_seed)
        if arm != reference:
            below, above = _finite(low[delta]), _finite(high[delta])
            result = replace(
                result,
                difference=_finite(draws.point[delta]),
                difference_low=below,
                difference_high=above,
                verdict=_verdict(below, above, lost[arm], lost.get(reference, False)),
                p=_finite(p[delta]),
            )
        results[arm] = result
    return results


def _pairs(arms: Sequence[str], tasks: Sequence[Draws], shares: np.ndarray) -> Iterable[PairResult]:
    """Every two arms on the mean over tasks; the draws of each task have the base first, then the arms."""
    for (one, name), (other, beside) in combinations(enumerate(arms, 1), 2):
        found = mean_over_tasks([task.contrast(one, other) for task in tasks], shares)
        low, high = (_finite(end[0]) for end in found.interval())
        lost = [any(not math.isfinite(task.point[arm]) for task in tasks) for arm in (one, other)]
        p, verdict = _finite(p_values(found)[0]), _verdict(low, high, *lost)
        yield PairResult(name, beside, _finite(found.point[0]), low, high, verdict, p)


def _verdict(low: float | None, high: float | None, lost: bool, reference_lost: bool) -> str:
    if lost != reference_lost:
        return HIGHER if lost else LOWER
    if low is None or high is None:
        return UNKNOWN
    return LOWER if high < 0 else HIGHER if low > 0 else UNDECIDED


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _sizes(tasks: Iterable[TaskComparison]) -> tuple[int, int]:
    trained = [task for task in tasks if not task.unseen]
    return sum(task.samples for task in trained), sum(task.tokens for task in trained)


def _warnings(
    tasks: Sequence[TaskComparison], cost: Mapping[str, Cost], seeds: int, missing: Sequence[str]
) -> Iterable[str]:
    if seeds == 1:
        yield "one seed: the intervals do not say how other seeds would come out"
    if missing:
        yield f"no validation data, so not compared: {first_few(missing)}"
    few = [task.name for task in tasks if task.samples < FEW_SAMPLES]
    if few:
        yield f"fewer than {FEW_SAMPLES} validation samples, so intervals are rough: {first_few(few)}"
    for task in tasks:
        lost = [arm for arm, result in task.arms.items() if result.loss is None]
        if lost:
            yield f"the loss on {task.name} is not finite, which counts as the highest, of: {', '.join(lost)}"
    tokens = {arm: spent.tokens for arm, spent in cost.items() if spent.tokens}
    if tokens and max(tokens.values()) > (1 + BUDGET_TOLERANCE) * min(tokens.values()):
        spent = ", ".join(f"{arm} {count:,.0f}" for arm, count in tokens.items())
        alone = any(arm.split()[0] == SINGLE for arm in tokens)
        reason = "a part of a pass is rounded up to whole steps" if alone else "some runs stopped early"
        reasons = [reason, "a stopping rule ended some", "a loss went back and did steps again"]
        reasons += ["an arm has keys of its own"] * any(" " in arm for arm in tokens)
        listed = f"{', '.join(reasons[:-1])}, or {reasons[-1]}"
        yield f"the arms did not train on equally many tokens ({spent}): {listed}"
