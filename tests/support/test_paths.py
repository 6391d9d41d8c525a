"""Where mft keeps what it makes and downloads."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.errors import MftError
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


def test_a_cache_that_cannot_be_made_is_named_with_the_variable_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for name, value in (("MFT_CACHE", tmp_path / "file" / "cache"), ("HOME", tmp_path / "file")):
        monkeypatch.setenv(name, str(value))
        with pytest.raises(MftError, match=rf"the cache {value}.*cannot be made: Not a directory\n.*MFT_CACHE"):
            cache_folder("tokens")
        monkeypatch.delenv("MFT_CACHE", raising=False)
