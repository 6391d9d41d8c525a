"""Where mft keeps what it makes and downloads."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.support.paths import cache_folder


def test_the_strongest_word_counts_and_the_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MFT_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder("a", "b") == tmp_path / "home" / ".cache" / "mft" / "a" / "b"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "mft"
    monkeypatch.setenv("MFT_CACHE", "~/own")
    assert cache_folder("tokens") == tmp_path / "home" / "own" / "tokens"
    assert (tmp_path / "home" / "own" / "tokens").is_dir()
