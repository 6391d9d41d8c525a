"""What follows from a comparison, in words that a decision can be taken from, and none that its intervals do not carry.

Only verdicts that outlast the correction for many comparisons are told as facts; see `mft_core.comparison.families`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mft_core.comparison.arm import BASE, MERGED, MIX, SINGLE, Arm, parse_arm
from mft_core.comparison.results import HIGHER, LOWER, UNKNOWN, ArmResult, Cost, PairResult, TaskComparison, is_same
from mft_core.comparison.statistics import CONFIDENCE
from mft_core.support import units
from mft_core.support.lists import first_few

FEW_SEEDS = 5
CLEARLY_CHEAPER = 0.9
"""Times the time of another arm: closer than that, what else the machine does decides."""


@dataclass(frozen=True, slots=True)
class Change:
    """A task on which an arm differs from the reference after correction: nats per token, with the plain interval."""

    task: str
    arm: str
    unseen: bool
    difference: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What can be said.

    Attributes:
        lowest: the arm with the lowest loss on the mean over tasks; "" where no arm's loss is finite.
        alike: arms that could not be told apart from it.
        behind: arms whose loss is higher.
        gains, pays: tasks on which `lowest` is lower, or higher, than the reference; where it is the reference itself,
            tasks on which another arm is higher, or lower, than it.
        undecided: tasks on which no difference was shown between those two; or to any other arm.
        pairs: how many pairs of arms were compared on the mean over tasks.
        comparisons: how many times an arm was compared with the reference on a task.
        alone: how many of all these differ by their own interval and no more after correction.
        sentences: all this in words.
    """

    lowest: str
    alike: tuple[str, ...]
    behind: tuple[str, ...]
    gains: tuple[Change, ...]
    pays: tuple[Change, ...]
    undecided: tuple[str, ...]
    pairs: int
    comparisons: int
    alone: int
    sentences: tuple[str, ...]


def read(
    arms: Sequence[str],
    reference: str,
    seeds: int,
    tasks: Sequence[TaskComparison],
    mean: Mapping[str, ArmResult],
    pairs: Sequence[PairResult],
    cost: Mapping[str, Cost],
    mixtures: Sequence[str] = (),
) -> Reading:
    """Read an outcome; its parts are those of `mft_core.comparison.outcome.Comparison`.

    Args:
        mixtures: sentences on what "mix" found; see `mft_core.comparison.mixture_words`.
    """
    losses = {arm: loss for arm in arms if (loss := mean[arm].loss) is not None}
    lowest = min(losses, key=losses.__getitem__) if losses else ""
    against = {pair.one if pair.other == lowest else pair.other: pair for pair in pairs if lowest in _names(pair)}
    behind = tuple(arm for arm in arms if arm in against and _is_behind(arm, against[arm]))
    chosen = [lowest] if lowest not in ("", reference) else [arm for arm in arms if arm != reference]
    turned = lowest == reference
    lower, higher = _changes(tasks, chosen, LOWER), _changes(tasks, chosen, HIGHER)
    changed = {change.task for change in (*lower, *higher)}
    compared = [result for task in tasks for arm, result in task.arms.items() if arm != BASE and result.corrected]
    found = Reading(
        lowest=lowest,
        alike=tuple(arm for arm in arms if arm in against and arm not in behind),
        behind=behind,
        gains=higher if turned else lower,
        pays=lower if turned else higher,
        undecided=tuple(task.name for task in tasks if task.name not in changed),
        pairs=sum(not is_same(pair) for pair in pairs),
        comparisons=sum(result.corrected != UNKNOWN and not is_same(result) for result in compared),
        alone=sum(result.corrected != result.verdict for result in compared) + sum(map(_is_alone, pairs)),
        sentences=(),
    )
    said = (
        *_on_the_mean(found, against),
        *_on_tasks(found, reference),
        *_on_correction(found),
        *_on_cost(found, reference, cost),
    )
    return replace(found, sentences=(*said, *mixtures, *_on_evidence(found, seeds)))


def _pairs(count: int) -> str:
    return f"{count} pair{'s' * (count != 1)} of arms"


def _names(pair: PairResult) -> tuple[str, str]:
    return pair.one, pair.other


def _is_behind(arm: str, pair: PairResult) -> bool:
    return pair.corrected == (HIGHER if arm == pair.one else LOWER)


def _changes(tasks: Sequence[TaskComparison], arms: Sequence[str], verdict: str) -> tuple[Change, ...]:
    return tuple(
        Change(
            task.name, arm, task.unseen, *(getattr(task.arms[arm], f"difference{end}") for end in ("", "_low", "_high"))
        )
        for task in tasks
        for arm in arms
        if arm in task.arms and task.arms[arm].corrected == verdict
    )


def _on_the_mean(found: Reading, against: Mapping[str, PairResult]) -> Iterator[str]:
    """Which arm is best on the mean over tasks, and which could be as good."""
    if not found.lowest:
        yield "No arm has a finite loss on the mean over tasks: none can be chosen."
        return
    if not against:
        yield f"Only {found.lowest} was trained: there is nothing to choose from."
        return
    behind = "; ".join(_pair_in_words(arm, against[arm]) for arm in found.behind)
    alike = "; ".join(_pair_in_words(arm, against[arm]) for arm in found.alike)
    for_pairs = f", after correction for {_pairs(found.pairs)}" if found.pairs > 1 else ""
    if not found.alike:
        yield f"On the mean over tasks {found.lowest} is best{for_pairs}: {behind}."
        return
    yield (
        f"On the mean over tasks no arm can be called best{for_pairs}. {found.lowest} has the lowest loss, and "
        f"could not be told apart from {alike}."
    )
    if behind:
        yield f"Behind {found.lowest} on the mean over tasks: {behind}."


def _pair_in_words(arm: str, pair: PairResult) -> str:
    """The arm, and its loss above that of the lowest one."""
    if is_same(pair):
        return f"{arm} (the same results: one and the same training)"
    ends = (pair.difference, pair.difference_low, pair.difference_high)
    if arm == pair.other:
        ends = tuple(None if end is None else -end for end in (ends[0], ends[2], ends[1]))  # type: ignore[assignment]
    alone = " (by its interval alone)" if _is_alone(pair) else ""
    return f"{arm} {_interval(*ends)}{alone}"


def _is_alone(pair: PairResult) -> bool:
    """Whether they differ by their interval, and no more after correction."""
    return bool(pair.corrected) and pair.corrected != pair.verdict


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None or low is None or high is None:
        return "(without an interval)"
    return f"{units.difference(value)} [{units.difference(low)}, {units.difference(high)}]"


def _on_tasks(found: Reading, reference: str) -> Iterator[str]:
    """Who gains, who pays, and where nothing was shown."""
    if not found.comparisons:
        return
    turned = found.lowest in ("", reference)
    corrected = f"after correction for {found.comparisons} comparisons" if found.comparisons > 1 else "by its interval"
    if turned:
        for what, changes in (("lower", found.pays), ("higher", found.gains)):
            if changes:
                yield f"Another arm is {what} than {reference}, {corrected}, on: {_listed(changes, with_arm=True)}."
        if not found.pays:
            yield f"No task was shown to be better off with another arm than with {reference}."
    else:
        paying = f"pays on {_listed(found.pays)}" if found.pays else "was shown to pay on no task"
        gaining = f"gains on {_listed(found.gains)}" if found.gains else "was shown to gain on no task"
        yield f"Against {reference}, {corrected}, {found.lowest} {gaining}, and {paying}."
    if found.undecided:
        yield f"No difference was shown on {first_few(found.undecided)}, which does not say that there is none."


def _on_correction(found: Reading) -> Iterator[str]:
    if found.alone:
        yield (
            f"{found.alone} further difference{'s' * (found.alone != 1)}, of arms on the mean or on a task, by the "
            "interval alone did not outlast the correction: so many comparisons may bring them about by chance."
        )


def _listed(changes: Sequence[Change], *, with_arm: bool = False) -> str:
    def words(change: Change) -> str:
        name = change.task + " (unseen)" * change.unseen + f" with {change.arm}" * with_arm
        return f"{name} {_interval(change.difference, change.low, change.high)}"

    return first_few([words(change) for change in changes], of_what="tasks").replace("], ", "]; ")


def _on_cost(found: Reading, reference: str, cost: Mapping[str, Cost]) -> Iterator[str]:
    """What each arm took, relative to the reference."""
    base = cost.get(reference)
    if base is None or len(cost) < 2:
        return
    others = [f"{arm} {_relative(spent, base)}{_cost_beside(arm)}" for arm, spent in cost.items() if arm != reference]
    yield f"Cost of one seed: {reference} took {_absolute(base)}{_cost_beside(reference)}; {'; '.join(others)}."
    candidates = [arm for arm in (found.lowest, *found.alike) if arm in cost]
    if len(candidates) > 1:
        whole = {
            arm: sum(cost[part].seconds for part in (arm, *_combined_of(arm)) if part in cost) for arm in candidates
        }
        cheapest, *others = sorted(candidates, key=whole.__getitem__)
        alike = f"of {', '.join(candidates)}, none of which could be told apart from {candidates[0]}"
        if whole[cheapest] <= CLEARLY_CHEAPER * whole[others[0]]:
            yield f"{cheapest} took the least time, {alike}."
        else:
            near = [arm for arm in candidates if CLEARLY_CHEAPER * whole[arm] < whole[cheapest]]
            yield f"{' and '.join(near)} took about the same time, the least, {alike}."


def _relative(spent: Cost, base: Cost) -> str:
    """Relative to another arm's, where that took anything: one that is combined trains on no tokens."""
    if not base.seconds or not base.tokens:
        return _absolute(spent)
    return f"{spent.seconds / base.seconds:.2f} times the time and {spent.tokens / base.tokens:.2f} times the tokens"


def _absolute(spent: Cost) -> str:
    return f"{units.duration(spent.seconds)} and {units.count(spent.tokens)} tokens"


def _cost_beside(arm: str) -> str:
    """Which runs an arm's cost leaves out, or has beside the one that is shown."""
    sources = "".join(f", beside those of {source}" for source in _combined_of(arm))
    return sources + ", its small runs among them" * (parse_arm(arm).name == MIX)


def _combined_of(arm: str) -> tuple[str, ...]:
    """The arm whose cost one that is combined takes beside its own."""
    written = parse_arm(arm)
    return (Arm(SINGLE, written.keys).label,) if written.name == MERGED else ()


def _on_evidence(found: Reading, seeds: int) -> Iterator[str]:
    """How far this carries."""
    level = f"{1 - CONFIDENCE:.0%}"
    if found.pairs + found.comparisons > 1:
        yield (
            f"Intervals stand each for itself. What is said here was corrected (Holm) for {_pairs(found.pairs)} "
            f"on the mean, and for {found.comparisons} comparisons on tasks: in each of the two, the chance that any "
            f"difference named is none at all is at most {level}."
        )
    if seeds == 1:
        yield "One seed was trained: all this is about these very models, and says nothing of other seeds."
    elif seeds < FEW_SEEDS:
        yield f"{seeds} seeds are few: only differences far larger than those between seeds can show."
