"""Files and folders appear whole or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from helpers.written_folders import content, names, whole, write
from mft_core.support.durable import file_digest, make_folder, remove_folder, whole_file, whole_folder, write_text


def test_a_digest_is_that_of_the_whole_file(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000  # more than one block
    (tmp_path / "file").write_bytes(data)
    assert file_digest(tmp_path / "file") == hashlib.sha256(data).hexdigest()


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "made" / "file"
    write_text(path, "größe\r\n")
    with path.open() as reader:
        write_text(path, "new 你好\r\n")
        assert reader.read() == "größe\n"
    assert path.read_bytes() == "new 你好\r\n".encode()
    assert names(path.parent) == ["file"]


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
def test_an_exception_keeps_what_was_there(tmp_path: Path, kind: type[BaseException]) -> None:
    write_text(tmp_path / "file", "old")
    write(tmp_path / "folder", "old")

    def fail_in_a_file() -> None:
        with whole_file(tmp_path / "file") as stream:
            stream.write(b"half")
            raise kind

    def fail_in_a_folder() -> None:
        with whole_folder(tmp_path / "folder") as folder:
            (folder / "a").write_text("half")
            raise kind

    for fail in (fail_in_a_file, fail_in_a_folder):
        with pytest.raises(kind):
            fail()
    assert (tmp_path / "file").read_text() == "old"
    assert content(tmp_path / "folder") == whole("old")
    assert names(tmp_path) == ["file", "folder"]


def test_a_folder_is_made_with_its_parents_and_replaced(tmp_path: Path) -> None:
    target = tmp_path / "made" / "target"
    write(target, "old")
    (tmp_path / "plain").mkdir()
    assert target.stat().st_mode == (tmp_path / "plain").stat().st_mode
    with whole_folder(target) as folder:
        assert names(folder) == []
        assert content(target) == whole("old")
        (folder / "c").write_text("new")
    assert content(target) == {"c": "new"}
    assert names(target.parent) == ["target"]


def test_a_file_and_a_folder_do_not_replace_each_other(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write(tmp_path / "file", "new")
    with pytest.raises(OSError):
        write_text(tmp_path / "folder", "new")
    with pytest.raises(OSError):
        write(tmp_path / "file" / "target", "new")
    assert (tmp_path / "file").read_text() == "old"
    assert names(tmp_path) == ["file", "folder"]


def test_a_link_keeps_pointing_to_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for text in ("old", "new"):
        write(tmp_path / "link", text)
        assert content(tmp_path / "elsewhere") == whole(text)
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path) == ["elsewhere", "link"]


def test_an_existing_folder_is_kept_only_if_it_is_good(tmp_path: Path) -> None:
    target = tmp_path / "target"
    for wanted, found in (("first", "first"), ("second", "first")):
        with whole_folder(target, keep_existing=lambda folder: (folder / "a").exists()) as folder:
            (folder / "a").write_text(wanted)
        assert content(target) == {"a": found}
    (target / "a").rename(target / "damaged")
    with whole_folder(target, keep_existing=lambda folder: (folder / "a").exists()) as folder:
        (folder / "a").write_text("third")
    assert content(target) == {"a": "third"}
    assert names(tmp_path) == ["target"]


def test_all_is_on_disk_before_the_rename_and_the_rename_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[tuple[str, bool]] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        flushed.append((path.name.partition(".")[0] or "temporary", any(map(Path.exists, targets))))
        fsync(descriptor)

    targets = [tmp_path / "folder", tmp_path / "file"]
    monkeypatch.setattr(os, "fsync", record)
    write(tmp_path / "folder", "new")
    assert sorted(flushed[:-1]) == [(name, False) for name in ("a", "b", "below", "temporary")]
    assert flushed[-1] == (tmp_path.name, True)
    flushed.clear()
    targets.remove(tmp_path / "folder")
    write_text(tmp_path / "file", "new")
    assert flushed == [("temporary", False), (tmp_path.name, True)]


@pytest.mark.parametrize("below", ["", "a", "a/b/c"])
def test_folders_that_are_made_are_on_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str) -> None:
    flushed: list[Path] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    for write_something in (write, lambda target, text: write_text(target / "file", text)):
        flushed.clear()
        root = tmp_path / write_something.__name__.strip("<>")
        root.mkdir()
        write_something(root / below / "target", "new")
        made = root
        for part in (*Path(below).parts, "target"):
            assert made in flushed, f"{made} holds {part}, which was made"
            made /= part
    folders = tmp_path / "x" / "y"
    flushed.clear()
    make_folder(folders)
    make_folder(folders)
    assert flushed == [tmp_path, tmp_path / "x"]


def test_a_removed_folder_is_gone(tmp_path: Path) -> None:
    write(tmp_path / "target", "old")
    remove_folder(tmp_path / "target")
    assert names(tmp_path) == []
    with pytest.raises(FileNotFoundError):
        remove_folder(tmp_path / "target")
