"""What processes tell of themselves; tests/run/test_rank_watch.py has real ones tell it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mft_core.support.life_signs import (
    LENGTH,
    LifeSign,
    LifeSigns,
    collectives_begun,
    main_thread_place,
    main_thread_seconds,
)

SIGN = LifeSign(beat=1, step=3, trains=True, collectives=9, seconds=2, place="file.py:7")


def test_each_rank_reads_what_all_have_given(tmp_path: Path) -> None:
    first, second = (LifeSigns(tmp_path / "signs", rank, 2) for rank in range(2))
    first.give(SIGN)
    assert second.read() == [SIGN, None]
    later = replace(SIGN, beat=2, place="é" * 10_000)
    second.give(later)
    second.give(replace(SIGN, beat=3))
    assert first.read() == [SIGN, replace(SIGN, beat=3)]
    second.give(later)
    assert first.read()[1].beat == 2, "however long a path is"
    assert {path.stat().st_size for path in (tmp_path / "signs").iterdir()} == {LENGTH}
    first.remove()
    assert second.read()[0] is None
    second.remove()
    assert not (tmp_path / "signs").exists()


def test_a_file_that_is_being_written_is_no_sign(tmp_path: Path) -> None:
    signs = LifeSigns(tmp_path, 0, 1)
    (tmp_path / "rank-0.json").write_text('{"beat": 1, "st')
    assert signs.read() == [None]


def test_progress_is_what_the_main_thread_does() -> None:
    assert SIGN.progress == replace(SIGN, beat=2, place="file.py:8").progress
    assert SIGN.progress != replace(SIGN, seconds=3).progress
    assert collectives_begun() == 0, "without a process group"
    assert main_thread_seconds() >= 0
    assert "life_signs.py:" in main_thread_place()
