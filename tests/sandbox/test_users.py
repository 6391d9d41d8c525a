"""Users that one run of a sandbox has alone."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from mft_core.errors import MftError
from mft_core.sandbox import users
from mft_core.sandbox.users import USERS, everybody_can_read, sandbox_user


def test_runs_at_the_same_time_have_different_users() -> None:
    with sandbox_user() as one, sandbox_user() as two:
        assert len({one.number, one.reaper, two.number, two.reaper}) == 4


def test_when_all_are_taken_it_says_so_and_a_freed_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "FIRST_USER", 4_000_000)
    monkeypatch.setattr(users, "FIRST_REAPER", 4_001_000)
    monkeypatch.setattr(users, "USERS", 3)
    assert USERS > 3
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(sandbox_user())
        with pytest.raises(MftError, match="all sandbox users are taken"):
            stack.enter_context(sandbox_user())
    with sandbox_user() as user:
        assert user.number >= 4_000_000


def test_a_file_is_open_to_all_only_if_its_folders_are(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "file").write_text("x")
    (closed / "file").chmod(0o644)
    assert not everybody_can_read(closed / "file")
    assert not everybody_can_read(tmp_path / "absent")
    assert everybody_can_read(Path("/usr/bin/env"))
