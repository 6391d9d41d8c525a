"""The first evaluation is kept and known again to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mft_core.records import TaskLosses
from mft_core.task_losses import SUMS
from mft_core.training.first_evaluation import Evaluation, FirstEvaluation


def losses(seed: int) -> TaskLosses:
    """Of three tasks, with numbers that no short decimal is."""
    generator = np.random.default_rng(seed)
    return TaskLosses(**{name: (generator.random(3) * 1e3).astype(kind) for name, kind in SUMS.items()})


def never() -> Evaluation:
    raise AssertionError("measured again")


@pytest.mark.parametrize("watched", [None, losses(1)])
def test_what_one_has_measured_others_know_to_the_last_bit(tmp_path: Path, watched: TaskLosses | None) -> None:
    first = FirstEvaluation(tmp_path / "base" / "key.json", writes=True)
    found = Evaluation(losses(0), watched)
    assert first.known_or(lambda: found) is found
    known = first.known_or(never)
    assert known.losses.as_json() == found.losses.as_json()
    assert known.losses.tokens.dtype == found.losses.tokens.dtype
    assert (known.watched and known.watched.as_json()) == (watched and watched.as_json())


def test_what_is_damaged_is_measured_again_and_only_one_process_writes(tmp_path: Path) -> None:
    path, found = tmp_path / "key.json", Evaluation(losses(0), None)
    for damaged in ("{", "[]", "{}", '{"losses": {"tokens": 3}}'):
        path.write_text(damaged, encoding="utf-8")
        assert FirstEvaluation(path, writes=False).known_or(lambda: found) is found
        assert path.read_text(encoding="utf-8") == damaged
    assert FirstEvaluation(path, writes=True).known_or(lambda: found) is found
    assert FirstEvaluation(path, writes=True).known_or(never).losses.as_json() == found.losses.as_json()


def test_what_cannot_be_kept_is_measured_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = Evaluation(losses(0), None)
    assert FirstEvaluation(tmp_path / "file" / "key.json", writes=True).known_or(lambda: found) is found
