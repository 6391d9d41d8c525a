"""Folders with content to compare."""

from __future__ import annotations

from pathlib import Path

from mft_core.support.durable import whole_folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def write(target: Path, text: str) -> None:
    with whole_folder(target) as folder:
        (folder / "a").write_text(text)
        (folder / "below").mkdir()
        (folder / "below" / "b").write_text(text)


def whole(text: str) -> dict[str, str]:
    return {"a": text, "below/b": text}
