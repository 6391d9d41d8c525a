"""Bases: made or fetched once, whole or not at all, and a clear word where they cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.bases import request
from mft_bases.folder import Folder
from mft_core.errors import UsageError


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        Folder().fetch(str(tmp_path / "nowhere"), request("", tmp_path))
    with pytest.raises(UsageError, match=r"no config\.json"):
        Folder().fetch(str(tmp_path), request("", tmp_path))
    (tmp_path / "config.json").write_text("{}")
    assert Folder().fetch(str(tmp_path), request("", tmp_path)) == tmp_path.resolve()
