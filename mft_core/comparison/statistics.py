"""Losses of several arms on the same validation samples, with intervals over samples and seeds.

A task's loss under one arm is the mean over seeds of (sum of cross-entropy) / (sum of supervised tokens). Two things
make it uncertain, and each is drawn anew `resamples` times:

- Which validation samples there are: a bootstrap of the samples, the same draw for every arm and seed (paired), with
  the ratio of resampled sums, so that samples weigh by their tokens.
- Which seeds there are. Their number is small, often 3, and a bootstrap of 3 values covers 75% where it promises 95%.
  So the mean over seeds is drawn from the t distribution that n values support (normal seeds, the usual prior). One
  draw weighs the seeds of every arm and task alike, so that a difference between arms has the t interval of the
  differences within each seed.

The bootstrap too promises too much where there are few samples. Its deviations are multiplied by sqrt(M / chi2), chi2
drawn with M - 1 degrees of freedom: that makes up for its variance being too small by (M - 1) / M, and gives it the
tails of the t distribution. From some dozens of samples on it changes nothing.

Everything is linear in the cross-entropies; a difference is computed on their differences, so equal arms differ by
exactly zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
CONFIDENCE = 0.95
ELEMENTS_AT_ONCE = 1 << 23
"""Resamples x samples held in memory at a time, 64 MiB."""


@dataclass(frozen=True, slots=True)
class Draws:
    """Losses (or differences of losses) of A arms.

    Attributes:
        point: float64 [A], the estimate.
        by_seed: float64 [A, S], of each seed alone.
        resampled: float64 [resamples, A], drawn around it; NaN where the data cannot say how uncertain it is.
        over_samples: float64 [resamples, A], the part of their error that the bootstrap of samples alone draws.
        freedom: float64 [A], degrees of freedom that part has.
    """

    point: np.ndarray
    by_seed: np.ndarray
    resampled: np.ndarray
    over_samples: np.ndarray
    freedom: np.ndarray

    def interval(self, confidence: float = CONFIDENCE) -> tuple[np.ndarray, np.ndarray]:
        """float64 [A] twice: lower and upper end of the interval that holds `confidence` of the draws."""
        tail = (1 - confidence) / 2
        low, high = np.quantile(self.resampled, [tail, 1 - tail], axis=0)
        return low, high

    def contrast(self, one: int, other: int) -> Draws:
        """The draws of one arm less those of another, as of one arm."""

        def less(values: np.ndarray) -> np.ndarray:
            return values[..., one : one + 1] - values[..., other : other + 1]

        by_seed = self.by_seed[one : one + 1] - self.by_seed[other : other + 1]
        freedom = self.freedom[one : one + 1]
        return Draws(less(self.point), by_seed, less(self.resampled), less(self.over_samples), freedom)


def seed_weights(seeds: int, resamples: int, generator: np.random.Generator) -> np.ndarray:
    """float64 [resamples, S]: weights r with which sum_s r_s x_s is a draw of the error of the mean of x over seeds.

    For fixed x these sums follow a t distribution with S - 1 degrees of freedom, scaled by the standard error of the
    mean. One seed says nothing about other seeds: its weights are 0, and intervals then speak of that seed only.
    """
    if seeds == 1:
        return np.zeros((resamples, 1))
    normal = generator.standard_normal((resamples, seeds))
    normal -= normal.mean(axis=1, keepdims=True)
    variance = generator.chisquare(seeds - 1, (resamples, 1)) / (seeds - 1)
    return normal / np.sqrt(seeds * (seeds - 1) * variance)


def draw_task(
    cross_entropy: np.ndarray, tokens: np.ndarray, weights: np.ndarray, generator: np.random.Generator
) -> Draws:
    """One task's loss under each arm.

    Args:
        cross_entropy: float64 [A, S, M], summed over the supervised tokens of each of M validation samples.
        tokens: int64 [M], supervised tokens of each.
        weights: float64 [resamples, S], from `seed_weights`; the same for all tasks of a comparison.
        generator: of the bootstrap.
    """
    samples = len(tokens)
    by_seed = cross_entropy.sum(axis=2) / tokens.sum()
    point = by_seed.mean(axis=1)
    over_samples = _bootstrap(cross_entropy.mean(axis=1), tokens, len(weights), generator) - point
    tails = np.sqrt(samples / generator.chisquare(samples - 1, (len(weights), 1))) if samples > 1 else np.nan
    resampled = point + over_samples * tails + weights @ by_seed.T
    return Draws(point, by_seed, resampled, over_samples, np.full(len(point), samples - 1.0))


def _bootstrap(sums: np.ndarray, tokens: np.ndarray, resamples: int, generator: np.random.Generator) -> np.ndarray:
    """float64 [resamples, A]: resampled sums over resampled tokens; `sums` is float64 [A, M]."""
    samples = len(tokens)
    ratios = np.empty((resamples, len(sums)))
    at_once = max(1, ELEMENTS_AT_ONCE // samples)
    for first in range(0, resamples, at_once):
        size = min(at_once, resamples - first)
        counts = generator.multinomial(samples, np.full(samples, 1 / samples), size=size).astype(np.float64)
        ratios[first : first + size] = (counts @ sums.T) / (counts @ tokens)[:, None]
    return ratios


def mean_over_tasks(tasks: list[Draws], importance: np.ndarray) -> Draws:
    """Equation (1) on validation data: the mean over tasks, in proportion to their importance (float64 [N])."""
    shares = importance / importance.sum()

    def mean(parts: list[np.ndarray]) -> np.ndarray:
        return np.tensordot(shares, np.stack(parts), axes=1)

    # Satterthwaite: a mean of errors known with different numbers of degrees of freedom.
    variances = [share**2 * task.over_samples.var(axis=0) for share, task in zip(shares, tasks, strict=True)]
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = sum(variance**2 / task.freedom for variance, task in zip(variances, tasks, strict=True))
        freedom = np.sum(variances, axis=0) ** 2 / spread
    return Draws(
        mean([task.point for task in tasks]),
        mean([task.by_seed for task in tasks]),
        mean([task.resampled for task in tasks]),
        mean([task.over_samples for task in tasks]),
        np.where(np.isnan(freedom), min(task.freedom.min() for task in tasks), freedom),
    )
