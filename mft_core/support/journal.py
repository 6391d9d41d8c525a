"""Append-only JSON Lines: what a line says is on disk before work goes on, and a torn last line is cut off."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mft_core.errors import MftError
from mft_core.support.durable import append_whole, make_folder


class Journal:
    """One JSONL file that is read once, when opened, and appended to.

    Args:
        path: made, with its folder, by the first `append`.

    Raises:
        MftError: a line other than the last is no JSON object: somebody else wrote into the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: list[dict[str, Any]] = []
        if path.exists():
            self._read()

    def append(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Write records and have them on disk before returning.

        Raises:
            MftError: the file cannot be written.
        """
        added = [dict(record) for record in records]
        if not added:
            return
        text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in added)
        try:
            make_folder(self.path.parent)
            append_whole(self.path, text.encode("utf-8", "backslashreplace"), flush=True)
        except OSError as error:
            raise MftError(
                f"{self.path} cannot be written: {error.strerror}", "Free some space, then rerun."
            ) from error
        self.records += added

    def _read(self) -> None:
        """Take in the whole lines; what a killed writer left of a last one is removed from the file."""
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                self.records.append(dict(json.loads(line)))
            except (ValueError, TypeError, RecursionError) as error:
                raise MftError(
                    f"{self.path}:{number} is no JSON object: {error}", "Remove the line, or choose another --output."
                ) from error
        if len(whole) < len(content):
            with self.path.open("r+b") as stream:
                stream.truncate(len(whole))
