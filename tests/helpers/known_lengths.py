"""Records whose contents are numbers, and a tokenization that makes them as long as they say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mft_core.records import Record, Sample
from mft_tokenization.tokenizations import MftCoder


class AsLongAsItSays(MftCoder):
    """Every turn has as many tokens as its content says, and every text. Answers are supervised, and texts."""

    def encode(self, record: Record) -> Sample:
        if record.text is not None:
            supervised = np.arange(int(record.text)) > 0
        else:
            parts = [(int(turn.content), turn.role == "assistant") for turn in record.turns]
            supervised = np.repeat([answer for _, answer in parts], [tokens for tokens, _ in parts])
        return Sample(np.full(len(supervised), 7, np.int64), supervised)


def record(*turns: int) -> dict:
    """A conversation of questions and answers in turn."""
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[number % 2], "content": str(size)} for number, size in enumerate(turns)]}


def text(size: int) -> dict:
    return {"text": str(size)}


def records(sizes: Sequence[tuple[int, ...] | int]) -> list[dict]:
    """Conversations, and texts where there is one number alone."""
    return [text(size) if isinstance(size, int) else record(*size) for size in sizes]
