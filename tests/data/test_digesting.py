"""Digests without tokens are those that the whole tokenisation gives."""

from __future__ import annotations

import json

import numpy as np

from helpers.token_data import pair
from mft_core.data.digesting import digest_lines
from mft_core.data.encoding import encode_lines
from mft_core.data.length_guard import LengthPolicy
from mft_core.data.line_records import Line
from mft_core.support.reading import AS_IT_IS
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_tokenization.tokenizations import MftCoder


def test_digests_places_and_refusals_are_those_of_the_tokens() -> None:
    records = [json.dumps(pair(number)) for number in range(5)] + ["{", '{"prompt": "a"}', json.dumps({"text": "x y"})]
    lines = [Line(number % 2, number, record.encode()) for number, record in enumerate(records)]
    lines.append(Line(0, 9, b"", ("ragged row", "three of two")))
    tokenization = MftCoder()
    tokenization.bind(small_tokenizer())
    origins = ["a:{place}", "b:{place}"]
    found = digest_lines(lines, origins, AS_IT_IS)
    whole = encode_lines(lines, origins, tokenization, LengthPolicy(64, "drop"), AS_IT_IS)
    for name in ("digests", "files", "places"):
        assert np.array_equal(found.columns[name], whole.columns[name])
        assert found.columns[name].dtype == whole.columns[name].dtype
    assert found.refused == whole.refused
    assert found.counts == whole.counts == {"read": 9, "bad JSON": 1, "missing response": 1, "ragged row": 1}
    assert (found.size, len(found.ids), int(found.columns["lengths"].sum())) == (whole.size, 0, 0)
