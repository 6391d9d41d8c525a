"""A process that is slower than the others all the time: every step takes as long as it does, so it is named.

What is compared is the time of the forward of a rank's own micro-batches, for each token: there nobody waits for
anybody, as all do in the backward, where gradients are summed.
"""

from __future__ import annotations

import os
import socket
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import nn

from mft_core.support.ranks import gather
from mft_core.training.sharding import is_sharded

RATIO = 1.5
"""Times the median of the others that counts as slow."""
WINDOW = 10.0
"""Seconds of computing, of the slowest rank, that are looked at together: less says more about chance."""
WINDOWS = 2
"""So many in a row."""


class Told(NamedTuple):
    """What a rank says of itself: seconds of computing and tokens, and where it runs."""

    seconds: float
    tokens: int
    host: str
    process: int


class RankPace:
    """How long a rank computes, and whether one is slow.

    Args:
        model: in training. Of a sharded one nothing is measured: its ranks wait for each other in the forward too.
        device: where it computes.
    """

    def __init__(self, model: nn.Module, device: torch.device) -> None:
        self._measures = not is_sharded(model)
        self._device = device
        self._seconds, self._tokens = 0.0, 0
        self._events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
        self._slow_windows: dict[int, int] = {}
        self._named: set[int] = set()

    @contextmanager
    def forward(self, tokens: int) -> Iterator[None]:
        """Around the forward of a micro-batch of so many tokens."""
        self._tokens += tokens
        if self._device.type == "cuda":
            # What Python takes is not what the GPU takes, and to wait for it would slow every step.
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            yield
            end.record()
            self._events.append((begin, end))
        else:
            started = time.perf_counter()
            yield
            self._seconds += time.perf_counter() - started

    def warning(self) -> str:
        """Which ranks have become slow, each told of once; "": none has. Called on all ranks."""
        for begin, end in self._events:
            end.synchronize()
            self._seconds += begin.elapsed_time(end) / 1000
        self._events.clear()
        if not self._measures:
            return ""
        told = gather(Told(self._seconds, self._tokens, socket.gethostname(), os.getpid()))
        if len(told) == 1 or max(one.seconds for one in told) < WINDOW:
            return ""
        self._seconds, self._tokens = 0.0, 0
        found = slow_ranks(told)
        self._slow_windows = {rank: self._slow_windows.get(rank, 0) + 1 for rank in found}
        lasting = [rank for rank in found if self._slow_windows[rank] >= WINDOWS and rank not in self._named]
        self._named.update(lasting)
        return "; ".join(
            f"rank {rank} of {len(told)} is slow, and all wait for it: process {told[rank].process} on "
            f"{told[rank].host} computes {found[rank]:.1f} times as long for a token as the median of the others"
            for rank in lasting
        )


def slow_ranks(told: Sequence[Told]) -> dict[int, float]:
    """By rank, how many times the others' median time for a token it takes, where that is slow."""
    paces = {rank: one.seconds / one.tokens for rank, one in enumerate(told) if one.tokens}
    found = {}
    for rank, pace in paces.items():
        others = statistics.median([other for number, other in paces.items() if number != rank] or [pace])
        if pace > RATIO * others:
            found[rank] = pace / others
    return found
