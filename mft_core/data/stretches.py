"""Targets and their weights as stretches of tokens: where each starts and ends, and what each of its tokens weighs."""

from __future__ import annotations

import numpy as np


def find_stretches(weights: np.ndarray) -> np.ndarray:
    """int64 [stretches, 2]: start and end of each stretch of one weight above 0.

    Those of neighbouring samples never touch, since no first token is supervised.

    Args:
        weights: float64 [tokens], 0 where a token is no target.
    """
    padded = np.zeros(len(weights) + 2)
    padded[1:-1] = weights
    edges = np.flatnonzero(np.diff(padded))
    return np.stack([edges[:-1], edges[1:]], axis=1)[weights[edges[:-1]] > 0]


def spread(spans: np.ndarray, weights: np.ndarray | None, length: int) -> tuple[np.ndarray, np.ndarray | None]:
    """One sample's targets, bool [length], and their weights, float64 [length]; None where `weights` is.

    Args:
        spans: int64 [stretches, 2].
        weights: float64 [stretches]; None: all of them are 1.
    """
    supervised = np.zeros(length, bool)
    for start, end in spans.tolist():
        supervised[start:end] = True
    if weights is None:
        return supervised, None
    of_tokens = np.zeros(length)
    of_tokens[supervised] = np.repeat(weights, np.diff(spans)[:, 0])
    return supervised, of_tokens


def weight_sums(spans: np.ndarray, weights: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """float64 [samples]: the sum of the weights of each sample's tokens.

    Args:
        spans: int64 [stretches, 2].
        weights: float64 [stretches].
        offsets: int64 [samples + 1], where each sample starts.
    """
    sample = offsets.searchsorted(spans[:, 0], side="right") - 1
    return np.bincount(sample, weights=np.diff(spans)[:, 0] * weights, minlength=len(offsets) - 1)
