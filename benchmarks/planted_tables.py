"""What `planted_truth.py` found, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from planted_mixtures import PLANTS

CONTROLS = ("balanced", "random")
T_QUANTILES = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
"""97.5% quantile of the t distribution for the mean of so many values."""


@dataclass(frozen=True)
class Result:
    """One run.

    Attributes:
        weights: mean over the steps, by task.
        losses: at the end, by task, on validation samples.
    """

    plant: str
    loss: str
    seed: int
    weights: dict[str, float]
    losses: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """Fields."""
        return asdict(self)


def print_plant(plant: str, results: Sequence[Result], losses: Sequence[str], seeds: int) -> None:
    """One row for each loss."""
    planted = PLANTS[plant].planted
    names = list(results[0].losses)
    others = [name for name in names if name not in planted]
    found = {(each.loss, each.seed): each for each in results}

    def by_seed(loss: str, tasks: Sequence[str]) -> np.ndarray:
        return np.array([np.mean([found[loss, seed].losses[name] for name in tasks]) for seed in range(seeds)])

    kinds = [("planted", planted), ("others", others), ("all", names)]
    print(f"\n### {plant}: {', '.join(names)}; planted: {', '.join(planted)}\n")
    against = [f"{kind} - {control}" for kind, _ in kinds for control in CONTROLS]
    print("| loss | " + " | ".join(["weights", "losses", *against]) + " |")
    print("| --- " * (3 + len(against)) + "|")
    for loss in losses:
        runs = [found[loss, seed] for seed in range(seeds)]
        weights = " / ".join(f"{np.mean([run.weights[name] for run in runs]):.2f}" for name in names)
        ends = " / ".join(f"{by_seed(loss, [name]).mean():.2f}" for name in names)
        cells = [
            difference(by_seed(loss, tasks) - by_seed(control, tasks)) if control != loss else "-"
            for _, tasks in kinds
            for control in CONTROLS
        ]
        print("| " + " | ".join([f"`{loss}`", weights, ends, *cells]) + " |", flush=True)


def difference(paired: np.ndarray) -> str:
    """Mean with its 95% t interval; in bold where that leaves out 0."""
    mean, error = paired.mean(), paired.std(ddof=1) / np.sqrt(len(paired))
    half = T_QUANTILES[len(paired)] * error
    text = f"{mean:+.2f} [{mean - half:+.2f}, {mean + half:+.2f}]"
    return f"**{text}**" if abs(mean) > half else text
