"""Files of samples, as `mft eval --samples-file` takes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from helpers.running import write_rows


def write_samples(path: Path, lines: Sequence[Any]) -> Path:
    path.write_text(
        "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines), encoding="utf-8"
    )
    return path


def write_completions(path: Path, completions: Mapping[str, str]) -> Path:
    """One sample of each task."""
    return write_rows(path, [{"task_id": key, "completion": text} for key, text in completions.items()])
