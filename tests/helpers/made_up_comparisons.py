"""Comparisons that never took place, and what small ones are made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from helpers.running import write_tasks
from mft_core.comparison.outcome import Comparison
from mft_core.comparison.reading import read
from mft_core.comparison.results import ArmResult, Cost, PairResult, TaskComparison

TASKS = {"add": 24, "reverse": 8, "unknown": 9}
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


def write_comparison(folder: Path) -> Path:
    """Data, a recipe, and a workspace that draws nothing: drawing takes longer than these runs."""
    write_tasks(folder / "data", TASKS)
    (folder / "recipe.toml").write_text(
        """
        data = {path = "data", max_length = 128, valid_fraction = 0.2}
        model = {adapter = "llama", dtype = "float32"}
        train = {steps = 5, batch_size = 4, micro_batch_size = 2, learning_rate = 5e-3, save_every = 1, log_every = 1}
        loss = {name = "famo", probe_samples = 1}
        """
    )
    for task in ("add", "unknown"):
        (folder / "data" / task / "valid.jsonl").unlink()
    (folder / "plugins.toml").write_text('disabled = ["mft-report"]\n')
    return folder


def outcome(output: Path) -> dict[str, Any]:
    """What a comparison in this folder came to."""
    return json.loads((output / "compare.json").read_text())


def without_times(found: dict[str, Any]) -> dict[str, Any]:
    """What two comparisons of the same have in common."""
    for run in found["runs"]:
        del run["folder"], run["seconds"]
    for cost in found["cost"].values():
        del cost["seconds"]
    found["reading"]["sentences"] = [said for said in found["reading"]["sentences"] if "time" not in said]
    return found
