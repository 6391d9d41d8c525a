"""What the arm "mix" found, for readers: proportions, what was expected of them, and how far the law was off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mft_core.support import units
from mft_core.support.lists import first_few

MIXTURE_HEADINGS = ("run", "task", "natural", "best by the law", "trained", "passes", "error", "expected", "reached")
MANY_PASSES = 8
"""Over a task's data: more than that and it is said."""


def mixture_sentences(facts: Sequence[Mapping[str, Any]]) -> list[str]:
    """For each run of "mix" what its small runs led to, and whether the law was right.

    Args:
        facts: of runs, as `mft_core.comparison.run_numbers.run_facts` has them.
    """
    return [sentence for fact in facts if "mixture" in fact for sentence in _sentences(fact, fact["mixture"])]


def mixture_rows(facts: Sequence[Mapping[str, Any]]) -> Iterator[list[str]]:
    """A row for each task of each such run, under `MIXTURE_HEADINGS`."""
    for fact in facts:
        for task, values in fact.get("mixture", {}).get("tasks", {}).items():
            yield [
                f"{fact['arm']}, seed {fact['seed']}",
                task,
                *(f"{values[key]:.1%}" for key in ("natural", "best", "share")),
                f"{values['passes']:.1f}",
                *(_number(values[key]) for key in ("error", "predicted", "reached")),
            ]


def _sentences(fact: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    name = f"{fact['arm']}, seed {fact['seed']}"
    promise = (
        f"promises {found['promised']:.4f} less on the mean over tasks at the best proportions, and misses small runs "
        f"that it has not seen by {found['error']:.4f}"
    )
    if found["supported"]:
        tasks = sorted(found["tasks"].items(), key=lambda task: -abs(task[1]["share"] - task[1]["natural"]))
        changes = [f"{task} {values['natural']:.1%} to {values['share']:.1%}" for task, values in tasks]
        yield f"{name}: the law of {found['small_runs']} small runs {promise}. Shares: {first_few(changes)}."
    else:
        yield f"{name}: the law supports no change: it {promise}. The natural proportions were kept, those of mixed."
    yield f"{name}: {_held(found)}"
    trained = found["tasks"].items()
    bounded = [task for task, values in trained if values["bounded"] and found["supported"]]
    if bounded:
        yield f"{name}: as far from their natural share as small runs have tried (factor): {first_few(bounded)}."
    often = [f"{task} {values['passes']:.1f}" for task, values in trained if values["passes"] > MANY_PASSES]
    if often and found["supported"]:
        yield f"{name}: many passes over the same data, which the law does not know of: {first_few(often)}."


def _held(found: Mapping[str, Any]) -> str:
    """What was expected against what was reached."""
    reached = found["reached"]
    if reached is None:
        return f"the law expected a loss of {found['predicted']:.4f}; what was reached is not finite."
    off = abs(found["predicted"] - reached)
    further = found["supported"] and off > found["promised"]
    more = ": further off than what it promised, which says nothing of that promise" * further
    return f"the law expected {found['predicted']:.4f} on the mean over tasks, and {reached:.4f} was reached{more}."


def _number(value: float | None) -> str:
    return units.MISSING if value is None else f"{value:.4f}"
