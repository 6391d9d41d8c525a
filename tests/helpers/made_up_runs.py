"""Runs that never took place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from mft_core.events import EventLog


def write_run(folder: Path, tasks: Sequence[str], steps: int = 60, every: int = 2, end: bool = True) -> Path:
    """A run whose task i starts at loss 2 + i/N and falls, faster for small i; the last one gets worse."""
    folder.mkdir(parents=True)
    log = EventLog(folder)
    counts = {"train": 90, "valid": 10, "tokens": 9000, "supervised": 3000, "weight": 1.0}
    counts |= {"overlong": 7, "truncated": 0, "bad": {}, "longer": {"576": 5, "640": 2}, "longer_tokens": {"576": 2800}}
    log.emit("start", 0, model={"adapter": "llama"}, tasks=dict.fromkeys(tasks, counts), steps=steps)

    def loss(index: int, step: int) -> float:
        rise = 0.5 if index == len(tasks) - 1 and len(tasks) > 1 else -1 / (1 + index / len(tasks))
        return 2 + index / len(tasks) + rise * step / steps

    def evaluate(step: int) -> None:
        found = {name: {"loss": loss(index, step), "tokens": 100} for index, name in enumerate(tasks)}
        log.emit("eval", step, loss=sum(task["loss"] for task in found.values()) / len(tasks), tasks=found)

    evaluate(0)
    for step in range(every, steps + 1, every):
        values = {
            name: {"loss": loss(index, step), "weight": 1 / len(tasks), "tokens": 10 * (index + 1)}
            for index, name in enumerate(tasks)
        }
        if len(tasks) > 1:
            values[tasks[0]] |= {"loss": math.nan, "tokens": 0}
        log.emit(
            "train", step, loss=1.5, tokens_per_second=800.0, learning_rate=2e-4, gradient_norm=1.0,
            epoch=step / steps, seconds=1.0 * step, tasks=values,
        )  # fmt: skip
        if step % 20 == 0 and step < steps:
            evaluate(step)
    if end:
        evaluate(steps)
        log.emit("end", steps, reason="done", seconds=70.0, tokens=12345)
    return folder
