"""A sample as the model gets it, in words: stretches of text that are learned, and such that are not."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mft_core.records import Sample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring tokens of one weight.

    Attributes:
        text: as they are decoded, control tokens included.
        tokens: how many there are.
        weight: in the objective; 0: they are not supervised.
    """

    text: str
    tokens: int
    weight: float


def stretches(sample: Sample, tokenizer: PreTrainedTokenizerBase) -> list[Stretch]:
    """The whole sample, cut where the weight changes; the texts together are what all of its ids are decoded to."""
    weights = sample.supervised.astype(np.float64) if sample.weights is None else sample.weights
    edges = [0, *(np.flatnonzero(np.diff(weights)) + 1).tolist(), len(weights)]
    found, before = [], ""
    for start, end in pairwise(edges):
        # Tokens decoded alone lose the space in front of them, or halves of a character.
        upto = tokenizer.decode(sample.ids[:end].tolist(), clean_up_tokenization_spaces=False)
        alone = not upto.startswith(before)
        text = tokenizer.decode(sample.ids[start:end].tolist(), clean_up_tokenization_spaces=False) if alone else ""
        found.append(Stretch(text or upto[len(before) :], end - start, float(weights[start])))
        before = upto
    return found
