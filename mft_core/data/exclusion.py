"""Records that an audit says to leave out (`data.exclude`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mft_core.data.token_store import TokenEntry
from mft_core.errors import UsageError

Exclusions = Mapping[Path, np.ndarray]
"""By file, int64 [records]: the places that are left out."""


def read_exclusions(path: str) -> Exclusions:
    """What an audit.json says to leave out; nothing for "".

    Raises:
        UsageError: it cannot be read, or is no audit.json.
    """
    if not path:
        return {}
    found: dict[Path, list[int]] = {}
    try:
        for row in json.loads(Path(path).read_text(encoding="utf-8"))["exclude"]:
            found.setdefault(Path(row["file"]).resolve(), []).append(int(row["place"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        hint = "`mft data audit` writes one"
        raise UsageError(f"data.exclude: {path} is no audit.json: {error!r}", hint) from error
    return {file: np.array(places, np.int64) for file, places in found.items()}


def is_excluded(entry: TokenEntry, paths: Sequence[Path], exclusions: Exclusions) -> np.ndarray:
    """bool [samples]: those of records that are left out; files whose records have changed since are not told apart."""
    left_out = np.zeros(len(entry), bool)
    for number, path in enumerate(paths):
        places = exclusions.get(path.resolve()) if exclusions else None
        if places is not None:
            left_out |= (entry.files == number) & np.isin(entry.places, places)
    return left_out
