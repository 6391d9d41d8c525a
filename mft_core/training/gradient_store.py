"""Gradients of many tasks at once, as far as their inner products need them: whole, or as sketches of fixed size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch

MEMORY = 2**30
"""Bytes of main memory that one process may use for gradients, whole or sketched."""

LEAST_WIDTH, MOST_WIDTH = 2**14, 2**18
GRAMIAN_MEMORY = 2**27


class GradientStore(Protocol):
    """A few gradients, each given as this process's parts of it in one and the same order."""

    def put(self, number: int, parts: Sequence[torch.Tensor]) -> None:
        """Take in gradient `number`; one that is never put is 0. Parts are of any shape, on any device."""

    def gramian(self) -> torch.Tensor:
        """float64 [gradients, gradients]: inner products over these parts; those of all processes add up."""


def gradient_store(gradients: int, elements: int, itemsize: int, seed: int, memory: int = MEMORY) -> GradientStore:
    """Whole gradients where they fit, else sketches.

    Args:
        gradients: how many.
        elements: of each, in this process.
        itemsize: bytes of an element.
        seed: of the sketch.
        memory: bytes they may use.
    """
    if gradients * elements * itemsize <= memory:
        return WholeGradients(gradients)
    return SketchedGradients(gradients, sketch_width(gradients, memory), seed)


def sketch_width(gradients: int, memory: int = MEMORY) -> int:
    """Buckets of each sketch: as large a power of two as fits, from 2^14 to 2^18."""
    width = MOST_WIDTH
    while width > LEAST_WIDTH and gradients * width * 8 > memory:
        width //= 2
    return width


class WholeGradients:
    """Every element, in main memory."""

    def __init__(self, gradients: int) -> None:
        self._held: list[torch.Tensor | None] = [None] * gradients

    def put(self, number: int, parts: Sequence[torch.Tensor]) -> None:
        """Keep a copy."""
        flat = [part.detach().flatten().cpu() for part in parts]
        self._held[number] = torch.cat(flat) if flat else torch.zeros(0)

    def gramian(self) -> torch.Tensor:
        """Exact but for float64's rounding."""
        given = [number for number, held in enumerate(self._held) if held is not None]
        held = [gradient for gradient in self._held if gradient is not None]
        products = torch.zeros(len(held), len(held), dtype=torch.float64)
        at_once = max(1, GRAMIAN_MEMORY // (8 * max(len(held), 1)))
        for start in range(0, len(held[0]) if held else 0, at_once):
            block = torch.stack([gradient[start : start + at_once].to(torch.float64) for gradient in held])
            products += block @ block.T
        return _spread(products, given, len(self._held))


class SketchedGradients:
    """Every element with a random sign in one of `width` buckets (count sketch; Charikar, Chen, Farach-Colton 2002).

    Inner products of sketches are those of the gradients on average over the seed; their standard deviation is at most
    |g| |h| sqrt(2 / width). Runs of `width` elements are laid over the buckets from a random one on, and added in
    order, so that the sums are the same whatever the device does at the same time.

    Args:
        gradients: how many.
        width: buckets.
        seed: of signs and places.
    """

    def __init__(self, gradients: int, width: int, seed: int) -> None:
        self._sketches = torch.zeros(gradients, width, dtype=torch.float64)
        self._given = [False] * gradients
        self._seed = seed
        self._signs: list[torch.Tensor] = []
        self._places: list[int] = []

    @property
    def width(self) -> int:
        """Buckets."""
        return self._sketches.shape[1]

    def put(self, number: int, parts: Sequence[torch.Tensor]) -> None:
        """Add up the elements; float64 on the parts' own device."""
        sums = torch.zeros(self.width, dtype=torch.float64, device=parts[0].device)
        for index, run in enumerate(self._runs(parts)):
            signs, place = self._hashed(index, run)
            signed = run.to(torch.float64) * signs
            before_end = min(len(run), self.width - place)
            sums[place : place + before_end] += signed[:before_end]
            sums[: len(run) - before_end] += signed[before_end:]
        self._sketches[number] = sums.cpu()
        self._given[number] = True

    def _runs(self, parts: Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
        for part in parts:
            yield from part.detach().flatten().split(self.width)

    def _hashed(self, index: int, run: torch.Tensor) -> tuple[torch.Tensor, int]:
        """Signs, int8, and the first bucket of a run: the same for every gradient."""
        if index == len(self._signs):
            seed = np.random.SeedSequence([self._seed, index]).generate_state(1)[0]
            generator = torch.Generator().manual_seed(int(seed))
            signs = torch.randint(0, 2, (len(run),), generator=generator, dtype=torch.int8) * 2 - 1
            self._signs.append(signs.to(run.device))
            self._places.append(int(torch.randint(0, self.width, (), generator=generator)))
        return self._signs[index], self._places[index]

    def gramian(self) -> torch.Tensor:
        """An estimate; see the class."""
        given = [number for number, known in enumerate(self._given) if known]
        sketches = self._sketches[given]
        return _spread(sketches @ sketches.T, given, len(self._given))


def _spread(products: torch.Tensor, given: Sequence[int], size: int) -> torch.Tensor:
    """`products` of the given ones among `size`, exactly symmetric; 0 elsewhere."""
    whole = torch.zeros(size, size, dtype=torch.float64)
    index = torch.tensor(list(given), dtype=torch.int64)
    whole[index[:, None], index[None, :]] = (products + products.T) / 2
    return whole
