"""What a gradient balancer's solver takes at one measurement, beside the probe: seconds of CPU by number of tasks.

Gradients are random ones in so many directions that none depends on the others, mostly in slight agreement, as those of
language tasks are: `python benchmarks/gradient_balancers.py --tasks 10 50 100`.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from mft_core.interfaces import GradientBalancer, Gramians
from mft_core.records import TaskCounts
from mft_core.registry.catalog import load_entry
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace


def random_gramian(tasks: int) -> np.ndarray:
    """float64 [tasks, tasks], of gradients whose lengths differ up to tenfold."""
    generator = np.random.default_rng(0)
    gradients = generator.normal(0.03, 1, (tasks, 20 * tasks)) * generator.uniform(0.3, 3, (tasks, 1))
    return gradients @ gradients.T


def seconds(loss: GradientBalancer, tasks: int) -> float:
    """Of the second measurement: the first imports and sets up what is kept."""
    sizes = np.ones(tasks)
    loss.start(TaskCounts(tuple(f"task{number:03}" for number in range(tasks)), sizes, sizes, sizes))
    everyone = np.ones(tasks, bool)
    seen = Gramians(everyone, ~everyone, train=random_gramian(tasks))
    for _ in range(2):
        begin = time.process_time()
        loss.observe_gradients(seen)
        found = time.process_time() - begin
    return found


def main() -> None:
    """A table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, nargs="+", default=[10, 50, 100])
    tasks = parser.parse_args().tasks
    print(f"| loss | {' | '.join(f'{number} tasks' for number in tasks)} |\n| --- |{' ---: |' * len(tasks)}")
    for entry in discover(Workspace()).catalog.of_kind("loss"):
        loss_class = load_entry(entry)
        if issubclass(loss_class, GradientBalancer):
            cells = [f"{seconds(loss_class.from_options({}), number):.3f}" for number in tasks]
            print(f"| `{entry.name}` | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
