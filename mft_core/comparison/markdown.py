"""compare.md: the whole outcome as tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mft_core.comparison.arm import BASE
from mft_core.comparison.mixture_words import MIXTURE_HEADINGS, mixture_rows
from mft_core.comparison.outcome import Comparison
from mft_core.comparison.results import HIGHER, LOWER, UNDECIDED, UNKNOWN, ArmResult, PairResult, TaskComparison
from mft_core.comparison.statistics import CONFIDENCE, RESAMPLES
from mft_core.support import units
from mft_core.support.lists import first_few

MEAN = "mean over tasks"
ALONE = "(alone)"
"""Said of a difference that its own interval shows, and that does not outlast the correction for many."""


def as_markdown(comparison: Comparison) -> str:
    """The page."""
    return "\n".join(_lines(comparison))


def summary_lines(comparison: Comparison) -> Iterator[str]:
    """Every arm against the reference, in words."""
    for arm in comparison.arms:
        if arm == comparison.reference:
            continue
        counted = [(verdict, comparison.tasks_with(arm, verdict)) for verdict in (LOWER, HIGHER, UNDECIDED, UNKNOWN)]
        parts = [f"{verdict} on {len(names)} ({first_few(names)})" for verdict, names in counted if names]
        mean = comparison.mean.arms[arm].verdict
        yield f"{arm} against {comparison.reference}: mean over tasks {mean}; {'; '.join(parts)}"


def interval(value: float | None, low: float | None, high: float | None, signed: bool = False) -> str:
    """Such as "0.812 [0.790, 0.835]"."""
    shown = [units.difference(number) if signed else _decimals(number) for number in (value, low, high)]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]"


def rows(comparison: Comparison) -> Iterator[tuple[str, TaskComparison]]:
    """Tasks with what they are called in a table, the mean after those that were trained."""
    for unseen in (False, True):
        for task in comparison.tasks:
            if task.unseen == unseen:
                yield task.name + " (unseen)" * unseen, task
        if not unseen:
            yield MEAN, comparison.mean


def _lines(comparison: Comparison) -> Iterator[str]:
    reference = comparison.reference
    seeds = f"{comparison.seeds} seed{'s' * (comparison.seeds != 1)}"
    yield f"# Comparison of {', '.join(comparison.arms)}\n"
    yield f"Validation loss in nats per supervised token, mean over {seeds}, with {CONFIDENCE:.0%} intervals over"
    yield f"validation samples and seeds ({RESAMPLES:,} resamples). `{BASE}` is the model before training.\n"
    arms = [BASE, *comparison.arms]
    yield from _table(["task", "samples", *arms], (
        [name, str(task.samples), *(_loss(task.arms.get(arm)) for arm in arms)] for name, task in rows(comparison)
    ))  # fmt: skip
    others = [arm for arm in arms if arm != reference]
    yield f"\n## Difference to {reference}\n"
    yield "Paired over samples and seeds; below 0 is better. Each interval stands for itself: of 20 without any true"
    yield f"difference, about one is expected to say lower or higher. {ALONE}: only so, and no more after correction"
    yield "for all tasks and arms; in the mean over tasks, for all pairs of arms.\n"
    yield from _table(["task", *others], (
        [name, *(_difference(task.arms.get(arm)) for arm in others)] for name, task in rows(comparison)
    ))  # fmt: skip
    yield ""
    yield from (f"- {line}" for line in summary_lines(comparison))
    if len(comparison.pairs) > 1:
        yield "\n## Every two arms on the mean over tasks\n"
        yield f"p is corrected for {len(comparison.pairs)} pairs.\n"
        yield from _table(["arms", "difference", "p"], (
            [f"{pair.one} less {pair.other}", _difference(pair), _number(pair.p_corrected)] for pair in comparison.pairs
        ))  # fmt: skip
    if proportions := list(mixture_rows(comparison.runs)):
        yield "\n## Proportions from small runs\n"
        yield "Shares of the tokens; error: of the law, on small runs that it has not seen; expected: by the law.\n"
        yield from _table(MIXTURE_HEADINGS, proportions)
    yield "\n## Cost of one seed\n"
    yield from _table(["arm", "runs", "steps", "tokens", "seconds"], (
        [arm, str(cost.runs), f"{cost.steps:,.0f}", f"{cost.tokens:,.0f}", f"{cost.seconds:,.0f}"]
        for arm, cost in comparison.cost.items()
    ))  # fmt: skip
    if comparison.scores:
        yield "\n## Scores\n"
        yield from _table(["task", "metric", "arm", "mean over seeds", "by seed"], (
            [*(score[key] for key in ("task", "metric", "arm")), _number(score["mean"]), _numbers(score["values"])]
            for score in comparison.scores
        ))  # fmt: skip
    yield "\n## What it says\n"
    yield from (f"- {sentence}" for sentence in comparison.reading.sentences)
    if comparison.warnings:
        yield "\n## To keep in mind\n"
        yield from (f"- {warning}" for warning in comparison.warnings)
    yield ""


def _table(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(headings) + " |"
    yield "| " + " | ".join("---" for _ in headings) + " |"
    for cells in lines:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _loss(result: ArmResult | None) -> str:
    return units.MISSING if result is None else interval(result.loss, result.low, result.high)


def verdict(result: ArmResult | PairResult) -> str:
    """The verdict, marked where it does not outlast the correction for many comparisons."""
    return result.verdict + f" {ALONE}" * bool(result.corrected and result.corrected != result.verdict)


def _difference(result: ArmResult | PairResult | None) -> str:
    if result is None:
        return units.MISSING
    numbers = interval(result.difference, result.difference_low, result.difference_high, signed=True)
    return f"{numbers} {verdict(result)}"


def _decimals(value: float | None) -> str:
    return units.MISSING if value is None else f"{value:.4f}"


def _numbers(values: Iterable[float | None]) -> str:
    return ", ".join(map(_number, values))


def _number(value: float | None) -> str:
    return units.MISSING if value is None else f"{value:.4g}"
