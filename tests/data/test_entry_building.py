"""Entries from the cache or made now, each once."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from helpers.readers import READERS
from helpers.token_data import Counting, pair, task_file
from mft_core.data.encoding_pool import EncodingPool
from mft_core.data.entry_building import EntryBuilder, open_entries
from mft_core.data.few_samples import digests_of
from mft_core.data.length_guard import LengthPolicy
from mft_core.data.sides import Side, readable_sides
from mft_core.data.tokenization import BoundTokenization
from mft_core.records import TaskFiles
from mft_core.testing.small_tokenizers import small_tokenizer


def builder(told: list[tuple[str, int, int]], sides: list[Side]) -> EntryBuilder:
    bound = BoundTokenization(Counting(), small_tokenizer())
    bound.tokenization.bind(bound.tokenizer)
    dtype, pool = np.dtype(np.uint16), EncodingPool(0, 1)
    return EntryBuilder(pool, lambda _: bound, dtype, lambda *done: told.append(done), open_entries(sides))


def test_each_side_is_built_once_and_found_again(tmp_path: Path) -> None:
    path = task_file(tmp_path / "t.jsonl", [*[pair(number) for number in range(12)], "{"])
    files = [TaskFiles("one", (path,)), TaskFiles("two", (path,))]
    found, _ = readable_sides(files, READERS, ["key"], tmp_path / "cache", LengthPolicy(64, "drop"))
    sides = [train for train, _ in found.values()]
    told: list[tuple[str, int, int]] = []
    Counting.calls = 0
    first = builder(told, sides)
    assert sides[0] not in first
    first.build(sides)
    assert Counting.calls == 12
    assert told == [("two", path.stat().st_size - 13, path.stat().st_size)]
    assert first[sides[0]] is first[sides[1]]
    assert {name: count for name, count in first[sides[0]].counts.items() if count} == {"read": 13, "bad JSON": 1}
    again = builder(told, sides)
    assert sides[1] in again
    again.build(sides)
    assert (Counting.calls, len(told)) == (12, 1)
    again.build([digests_of(sides[0])])
    assert Counting.calls == 12
    digests = again[digests_of(sides[0])]
    assert (len(digests), len(digests.ids)) == (12, 0)
    assert (digests.digests == again[sides[0]].digests).all()
