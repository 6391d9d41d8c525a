"""Contenders measured one after the other, round by round, and shown with medians and spread."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """One run of one contender.

    Attributes:
        rate: tokens (or rows, or calls) per second; higher is better.
        loss: what it computed, to be equal for all.
        peak_mb: largest resident memory of the process, MB.
    """

    rate: float
    loss: float
    peak_mb: float


def interleave(
    names: Sequence[str], measure: Callable[[str], Measurement], rounds: int
) -> dict[str, list[Measurement]]:
    """Every contender once per round, so that a change of the machine's mood meets all of them."""
    results: dict[str, list[Measurement]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names:
            results[name].append(measure(name))
            print(f"round {number + 1}: {name} {results[name][-1].rate:,.1f}/s", flush=True)
    return results


def print_table(results: dict[str, list[Measurement]], baseline: str) -> None:
    """Medians, the range of the rounds, and ratios to `baseline` taken round by round."""
    print("\n| contender | per second (range) | x baseline | peak MB | loss |\n| --- | --- | --- | --- | --- |")
    reference = results.get(baseline) or next(iter(results.values()))
    for name, found in results.items():
        rates = [measurement.rate for measurement in found]
        ratio = statistics.median(one.rate / other.rate for one, other in zip(found, reference, strict=True))
        spread = f"{statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"
        peak = max(measurement.peak_mb for measurement in found)
        print(f"| {name} | {spread} | {ratio:.2f} | {peak:,.0f} | {found[0].loss:.4f} |")
