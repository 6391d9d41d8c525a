"""Samples before their texts are encoded, so that the texts of many are encoded together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from mft_core.errors import RecordError
from mft_core.records import Sample
from mft_tokenization.plan import NO_ANSWER, Piece
from mft_tokenization.text_encoder import PlacedText

Given = TypeVar("Given")
Made = TypeVar("Made")
Encoded = Mapping[PlacedText, np.ndarray | None]
"""Texts and their ids, as `TextEncoder.encode` gives them."""


class Draft(NamedTuple):
    """A sample in pieces; `weights` are those of the turns, which the pieces' `answer` counts."""

    pieces: Sequence[Piece]
    weights: Sequence[float]

    def sample(self, encoded: Encoded) -> Sample:
        """The sample; its targets are the tokens of answers that have a weight, which is kept where one is not 1.

        Raises:
            RecordError: as `ids_of`.
        """
        ids = ids_of(self.pieces, encoded)
        by_turn = np.array([*self.weights, 0.0])  # the last is `NO_ANSWER`'s
        of_pieces = by_turn[[piece.answer for piece in self.pieces]]
        of_tokens = np.repeat(of_pieces, [len(each) for each in ids])
        of_tokens[:1] = 0.0
        weighted = any(weight != 1.0 for weight in self.weights)
        return Sample(np.concatenate(ids), of_tokens > 0, of_tokens if weighted else None)


def text_draft(text: str, beginning: Sequence[int], end: int) -> Draft:
    """The draft of plain text, all of it to be learned, between what every text begins with and the end token."""
    before = [Piece(NO_ANSWER, None, number) for number in beginning]
    return Draft([*before, *([Piece(0, PlacedText(text, "start"))] if text else []), Piece(0, None, end)], [1.0])


def ids_of(pieces: Sequence[Piece], encoded: Encoded) -> list[np.ndarray]:
    """int64, the ids of each piece.

    Raises:
        RecordError: "control token in text".
    """
    found = []
    for piece in pieces:
        ids = np.array([piece.control], np.int64) if piece.text is None else encoded[piece.text]
        if ids is None:
            raise RecordError("control token in text", "this tokenizer cannot write it as plain text")
        found.append(ids)
    return found


def texts_of(drafts: Iterable[Draft]) -> Iterator[PlacedText]:
    """What is to be encoded for them."""
    return (piece.text for draft in drafts for piece in draft.pieces if piece.text is not None)


def samples_of(drafts: Sequence[Draft], encoded: Encoded) -> list[Sample]:
    """The samples of a record, of the drafts that it has.

    Raises:
        RecordError: as `ids_of`.
    """
    samples = [draft.sample(encoded) for draft in drafts]
    if len(samples) == 1:
        return samples
    return [sample for sample in samples if sample.supervised.any()]  # of an answer of weight 0 there is nothing


def or_error(work: Callable[[Given], Made], given: Given) -> Made | RecordError:
    """What `work` makes of it, or the RecordError that it raises."""
    try:
        return work(given)
    except RecordError as error:
        return error
