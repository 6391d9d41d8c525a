"""A folder is one process's, and is left as it was found where nothing was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.errors import MftError
from mft_core.run.folder_lock import FolderLock


def test_what_was_made_for_nothing_is_gone_again(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / "runs" / "mine")
    lock.take()
    assert (tmp_path / "runs" / "mine" / ".lock").exists()
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_folders_that_were_there_or_are_used_stay(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    lock = FolderLock(tmp_path / "mine")
    lock.take()
    lock.release()
    assert [path.name for path in tmp_path.rglob("*")] == ["mine"]
    first, second = FolderLock(tmp_path / "runs" / "first"), FolderLock(tmp_path / "runs" / "second")
    first.take()
    second.take()
    first.release()
    assert sorted(path.name for path in (tmp_path / "runs").rglob("*")) == [".lock", "second"]
    (tmp_path / "runs" / "second" / "recipe.toml").touch()
    second.release()
    assert (tmp_path / "runs" / "second" / ".lock").exists()


def test_one_at_a_time(tmp_path: Path) -> None:
    one, other = FolderLock(tmp_path / "run"), FolderLock(tmp_path / "run")
    one.take()
    with pytest.raises(MftError, match="another run is writing"):
        other.take()
    other.release()  # which it never had
    assert (tmp_path / "run" / ".lock").exists()
    one.release()
    other.take()
    assert (tmp_path / "run" / ".lock").exists()
    other.release()


def test_a_lock_on_a_file_that_is_gone_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The holder removes the file between the moments another process opens and locks it."""
    import fcntl

    holder, waiting, third = (FolderLock(tmp_path / "run") for _ in range(3))
    holder.take()
    real = fcntl.flock

    def later(stream: object, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", real)
        holder.release()
        real(stream, operation)  # type: ignore[arg-type]

    monkeypatch.setattr(fcntl, "flock", later)
    waiting.take()
    with pytest.raises(MftError, match="another run is writing"):
        third.take()
    waiting.release()


def test_a_place_where_no_folder_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MftError, match="cannot write to"):
        FolderLock(tmp_path / "file" / "run").take()
    with pytest.raises(MftError, match="cannot write to"):
        FolderLock(Path("/proc/no-run")).take()
