"""Made once, whole, by one of several."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from mft_bases.storing import stored
from mft_core.errors import MftError


def test_a_failed_making_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise MftError("no")

    with pytest.raises(MftError, match="no"):
        stored(tmp_path / "cache" / "thing", fail)
    assert list((tmp_path / "cache").iterdir()) == []


def test_of_several_makers_one_wins_and_all_get_a_whole_folder(tmp_path: Path) -> None:
    barrier = threading.Barrier(4)
    found: list[list[str]] = []

    def make(folder: Path) -> None:
        (folder / "a").write_text("a")
        barrier.wait(10)
        (folder / "b").write_text("b")

    def work() -> None:
        folder = stored(tmp_path / "thing", make)
        found.append(sorted(path.name for path in folder.iterdir()))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [["a", "b"]] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["thing"]
