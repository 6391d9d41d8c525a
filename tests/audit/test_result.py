from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mft_core.audit.auditing import Audit, Leak, Pair, Place
from mft_core.audit.leakage import Hit, Problem
from mft_core.audit.result import as_json, counts, write_audit
from mft_core.errors import MftError


def place(task: str, side: str, number: int) -> Place:
    return Place(task, side, Path(f"{task}-{side}.jsonl"), number, f"{task}-{side}.jsonl:{number}")


FOUND = Audit(
    Counter({("a", "train"): 9, ("a", "valid"): 2, ("b", "train"): 3}),
    [
        Pair(place("a", "train", 1), place("a", "train", 2), 1.0),
        Pair(place("a", "train", 3), place("b", "train", 1), 0.8),
        Pair(place("a", "train", 4), place("a", "valid", 1), 0.9),
        Pair(place("a", "valid", 1), place("a", "valid", 2), 1.0),
    ],
    [Leak(place("b", "train", 2), Hit(Problem("set", "p", ()), 0.75, "code"))],
)


def test_what_to_leave_out_is_training_data_and_never_shared_between_tasks() -> None:
    left_out = {row["origin"]: row["reason"] for row in as_json(FOUND)["exclude"]}
    assert left_out == {
        "a-train.jsonl:2": "repeats a-train.jsonl:1",
        "a-train.jsonl:4": "repeats a-valid.jsonl:1",
        "b-train.jsonl:2": "has p of set in it",
    }


def test_counts_by_tasks_and_sides() -> None:
    assert sum(row["count"] for row in counts(FOUND)) == 4
    assert {
        "first": {"task": "a", "side": "train"},
        "second": {"task": "b", "side": "train"},
        "exact": False,
        "count": 1,
    } in counts(FOUND)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(MftError, match="cannot be written"):
        write_audit(FOUND, tmp_path / "file" / "audit.json")
