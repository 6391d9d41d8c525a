"""Records that an audit says to leave out (`data.exclude`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mft_core.data.token_store import TokenEntry
from mft_core.errors import MftError, UsageError

AGAIN = "Audit the data again where it is now: mft data audit"


class ExcludedRecords(NamedTuple):
    """Records of a file that are left out: int64 [records], where they stand, and uint64 [records], their digests."""

    places: np.ndarray
    digests: np.ndarray


Exclusions = Mapping[Path, ExcludedRecords]
"""By file."""


def read_exclusions(path: str) -> Exclusions:
    """What an audit.json says to leave out; nothing for "".

    Raises:
        UsageError: it cannot be read, is no audit.json, or is one of files that are not there any more.
    """
    if not path:
        return {}
    found: dict[Path, list[tuple[int, int]]] = {}
    try:
        for row in json.loads(Path(path).read_text(encoding="utf-8"))["exclude"]:
            found.setdefault(Path(row["file"]).resolve(), []).append((int(row["place"]), int(row["digest"])))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        hint = "`mft data audit` writes one"
        raise UsageError(f"data.exclude: {path} is no audit.json: {error!r}", hint) from error
    if found and not any(map(Path.exists, found)):
        raise UsageError(
            f"data.exclude: none of the files that {path} names is there, such as {next(iter(found))}.", AGAIN
        )
    return {file: _excluded_records(records) for file, records in found.items()}


def _excluded_records(records: Sequence[tuple[int, int]]) -> ExcludedRecords:
    places, digests = zip(*records, strict=True)
    return ExcludedRecords(np.array(places, np.int64), np.array(digests, np.uint64))


def is_excluded(entry: TokenEntry, paths: Sequence[Path], exclusions: Exclusions) -> np.ndarray:
    """bool [samples]: those of records that are left out.

    Raises:
        MftError: another record stands now in the place of one of them.
    """
    left_out = np.zeros(len(entry), bool)
    for number, path in enumerate(paths):
        named = exclusions.get(path.resolve()) if exclusions else None
        if named is not None:
            here = (entry.files == number) & np.isin(entry.places, named.places)
            others = np.flatnonzero(here & ~np.isin(entry.digests, named.digests))
            if len(others):
                origin = entry.origin(paths, number, int(entry.places[others[0]]))
                raise MftError(
                    f"data.exclude: {origin} is another record than the audit was of, or is read in another way.", AGAIN
                )
            left_out |= here
    return left_out
