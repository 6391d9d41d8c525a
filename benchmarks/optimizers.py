"""What a step of each optimizer takes on LoRA's matrices, in the processor time of one thread and in bytes.

    OMP_NUM_THREADS=1 python benchmarks/optimizers.py

420 matrices of 16 by 576, as LoRA of rank 16 on SmolLM2 has; beside them torch's AdamW as it is by default. The steps
of all take turns, so that others on the machine matter less.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch
from torch import nn

from mft_core.interfaces import ParameterGroup
from mft_core.registry.catalog import load_entry
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace

MATRICES, SHAPE, ROUNDS = 420, (16, 576), 15
USUAL = "torch's AdamW by default"


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    steps: dict[str, Any] = {USUAL: torch.optim.AdamW(group().parameters, lr=1e-3).step}
    sizes = {USUAL: 8.0}
    for entry in discover(Workspace()).catalog.of_kind("optimizer"):
        component, given = load_entry(entry)(), group()
        steps[entry.name] = component.build([given], 1e-3).step
        sizes[entry.name] = component.state_bytes(given) / sum(each.numel() for each in given.parameters)
    for step in steps.values():
        step()
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            started = time.process_time()
            step()
            times[name].append(time.process_time() - started)
    usual = statistics.median(times[USUAL])
    print("| optimizer | ms a step | over torch's AdamW | state bytes a number |\n| --- | --- | --- | --- |")
    for name, found in times.items():
        middle = statistics.median(found)
        print(f"| {name} | {1000 * middle:.1f} | {middle / usual:.2f} | {sizes[name]:.2f} |")


def group() -> ParameterGroup:
    """Matrices with gradients."""
    generator = torch.Generator().manual_seed(0)
    parameters = [nn.Parameter(torch.randn(SHAPE, generator=generator)) for _ in range(MATRICES)]
    for parameter in parameters:
        parameter.grad = torch.randn(SHAPE, generator=generator)
    return ParameterGroup(parameters, 0.0, 1.0, False)


if __name__ == "__main__":
    main()
