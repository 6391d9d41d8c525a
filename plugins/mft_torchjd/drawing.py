"""What methods draw at random: the same on every rank and after a resume, beside the process's own random numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from pydantic import Field
from typing_extensions import TypeVar

from mft_core.interfaces import GradientOptions
from mft_core.records import TaskCounts
from mft_torchjd.asking import TorchJdBalancer


class DrawingOptions(GradientOptions):
    """Options of methods that look at the tasks in a random order."""

    seed: int = Field(0, ge=0, description="of the order in which a task's conflicts with the others are looked at")


SomeDrawingOptions = TypeVar("SomeDrawingOptions", bound=DrawingOptions, default=DrawingOptions, covariant=True)


class DrawingBalancer(TorchJdBalancer[SomeDrawingOptions]):
    """Draws with torch, as TorchJD does, inside `drawn`."""

    def start(self, counts: TaskCounts) -> None:
        """Nothing measured."""
        super().start(counts)
        self._measurements = 0

    @contextmanager
    def drawn(self) -> Iterator[None]:
        """torch draws what follows from the seed and the number of the measurement; then it goes on as before."""
        import torch

        seeds = np.random.SeedSequence([self.options.seed, self._measurements]).generate_state(1, np.uint64)
        self._measurements += 1
        before = torch.get_rng_state()
        # Not torch.manual_seed, which seeds accelerators too.
        torch.default_generator.manual_seed(int(seeds[0]))
        try:
            yield
        finally:
            torch.set_rng_state(before)

    def state_dict(self) -> dict[str, Any]:
        """The number of measurements, too."""
        return {**super().state_dict(), "measurements": self._measurements}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with the next one."""
        super().load_state_dict(state)
        self._measurements = state["measurements"]
