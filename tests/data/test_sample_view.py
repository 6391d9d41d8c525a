from __future__ import annotations

import numpy as np

from mft_core.data.sample_view import stretches
from mft_core.records import Record, Sample, Turn
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_tokenization.tokenizations import MftCoder


def test_what_is_learned_stands_apart_and_nothing_is_lost() -> None:
    tokenizer, tokenization = small_tokenizer(), MftCoder()
    tokenization.bind(tokenizer)
    turns = (Turn("user", "1 + 1 ?"), Turn("assistant", "2"), Turn("user", "é!"), Turn("assistant", "ok", 0.5))
    sample = tokenization.encode(Record(turns=turns))
    parts = stretches(sample, tokenizer)
    assert "".join(part.text for part in parts) == tokenizer.decode(sample.ids)
    learned = [(part.text, part.weight) for part in parts if part.weight]
    assert [weight for _, weight in learned] == [1.0, 0.5]
    assert all(said in text for said, (text, _) in zip(("2", "ok"), learned, strict=True))
    assert sum(part.tokens for part in parts) == len(sample.ids)


def test_a_sample_that_is_learned_whole() -> None:
    ids = np.array([3, 4, 5])
    (first, rest) = stretches(Sample(ids, np.array([False, True, True])), small_tokenizer())
    assert (first.tokens, first.weight, rest.tokens, rest.weight) == (1, 0.0, 2, 1.0)
