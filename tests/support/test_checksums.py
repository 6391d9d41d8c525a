"""A record of checksums holds for its folder, wholly and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mft_core.support.checksums import check_files
from mft_core.support.durable import file_digest


def test_only_a_complete_record_of_its_own_files_holds(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a").write_text("one")
    (tmp_path / "outside").write_text("one")
    (folder / "link").symlink_to(tmp_path / "outside")
    right = file_digest(folder / "a")
    check_files(folder, {"a": right}, ["a"], file_digest)
    wrong: list[tuple[Any, str]] = [
        ([], "no JSON object"),
        (None, "no JSON object"),
        ({}, "no checksum of a"),
        ({"a": right[:-1]}, "a is damaged"),
        ({"a": None}, "a is damaged"),
        ({"a": right, "b": right}, "'b', of which there is a checksum, is no file"),
        ({"a": right, "../outside": right}, "outside', of which"),
        ({"a": right, "../../../../../../dev/zero": right}, "zero', of which"),
        ({"a": right, "/dev/zero": right}, "zero', of which"),
        ({"a": right, "link": right}, "'link', of which"),
        ({"a": right, "..": right}, "'..', of which"),
    ]
    for record, reason in wrong:
        with pytest.raises(ValueError, match=reason):
            check_files(folder, record, ["a"], file_digest)


def test_several_processes_read_a_share_each_and_see_all_that_is_missing(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
    record = {name: file_digest(tmp_path / name) for name in ("a", "b", "c")}
    read: list[str] = []

    def digest(path: Path) -> str:
        read.append(path.name)
        return file_digest(path)

    for rank in (0, 1):
        check_files(tmp_path, record, record, digest, rank, 2)
    assert read == ["a", "c", "b"]
    (tmp_path / "b").unlink()
    for rank in (0, 1):
        with pytest.raises(ValueError, match="'b'"):
            check_files(tmp_path, record, record, digest, rank, 2)
