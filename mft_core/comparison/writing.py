"""compare.json, compare.md, and the event on which compare.png is drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from mft_core.comparison.markdown import as_markdown
from mft_core.comparison.outcome import Comparison
from mft_core.errors import MftError
from mft_core.events import EventLog, Listener
from mft_core.support.durable import write_text

JSON_FILE, MARKDOWN_FILE = "compare.json", "compare.md"


def write_outcome(comparison: Comparison, folder: Path, listeners: Mapping[str, Listener]) -> None:
    """Write the comparison's files and tell every listener; the report plugin draws.

    Raises:
        MftError: a file cannot be written.
    """
    try:
        text = json.dumps(comparison.as_json(), indent=1, ensure_ascii=False)
        write_text(folder / JSON_FILE, text + "\n")
        write_text(folder / MARKDOWN_FILE, as_markdown(comparison))
        log = EventLog(folder, listeners)
        log.emit("compared", 0, file=JSON_FILE, arms=list(comparison.arms), seeds=comparison.seeds)
    except OSError as error:
        raise MftError(
            f"cannot write to {folder}: {error.strerror}", "make room, or choose another --output"
        ) from error
