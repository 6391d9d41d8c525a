"""Sides to entries: whatever is not in the token cache is read and encoded, all of it in one queue of work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from mft_core.data.encoding import READ, Encoded
from mft_core.data.encoding_pool import EncodingPool
from mft_core.data.jobs import Job, jobs_of
from mft_core.data.longer_records import LongerRecords
from mft_core.data.readings import Progress, SharedReading, read_at_once
from mft_core.data.sides import Part, Side
from mft_core.data.token_store import EntryWriter, TokenEntry, open_entry, read_quarantine
from mft_core.data.tokenization import BoundTokenization
from mft_core.errors import MftError

UNREAD = "unread_keys"


class EntryBuilder:
    """The entries of sides, from the cache or made now.

    Args:
        pool: encodes.
        bound_of: what encodes a side.
        dtype: of token ids on disk.
        on_progress: told how far it is, only where something is read.
        entries: those that are open, by their folders.
    """

    def __init__(
        self,
        pool: EncodingPool,
        bound_of: Callable[[Side], BoundTokenization],
        dtype: np.dtype,
        on_progress: Progress | None,
        entries: Mapping[Path, TokenEntry],
    ) -> None:
        self._pool, self._bound_of, self._dtype, self._on_progress = pool, bound_of, dtype, on_progress
        self._entries = dict(entries)

    def __getitem__(self, side: Side) -> TokenEntry:
        """The entry of a side that was built."""
        return self._entries[side.folder]

    def __contains__(self, side: Side) -> bool:
        return side.folder in self._entries

    def build(self, sides: Iterable[Side]) -> None:
        """See to it that all of them have an entry.

        Raises:
            MftError: a file cannot be read, the cache cannot be written, or as `EncodingPool.encode`. What was built
                before stays.
        """
        wanted = {side.folder: side for side in sides if side not in self}
        self._entries |= open_entries(wanted.values())
        missing = [side for side in wanted.values() if side not in self]
        alone = [side for side in missing if side.shared is None]
        results = self._pool.encode(jobs_of(alone, self._bound_of))
        for side in alone:
            self._entries[side.folder] = self._built(side, results)
        for group in read_at_once(side for side in missing if side.shared is not None):
            self._build_together(SharedReading(group, self._bound_of))

    def _build_together(self, reading: SharedReading) -> None:
        """The entries of sides that share their files."""
        try:
            for side, results in reading.encode(self._pool, self._on_progress):
                self._entries[side.folder] = self._built(side, results)
        except OSError as error:
            raise _unwritable(reading.folder, error) from error

    def _built(self, side: Side, results: Iterator[tuple[Job, Encoded]]) -> TokenEntry:
        """The entry of a side, of its results: those that come next, or all. What fails leaves nothing behind."""
        try:
            with EntryWriter(side.folder, self._dtype) as writer:
                counts, longer, unread, done = Counter[str](), LongerRecords(), Counter[str](), 0
                for job, encoded in results:
                    writer.add(encoded.ids, encoded.supervised, encoded.columns, encoded.refused, encoded.weights)
                    counts.update(encoded.counts)
                    longer.add(encoded.longer)
                    unread.update(encoded.unread)
                    done = min(done + encoded.size, side.size)  # a record of a table is longer than its row
                    if self._on_progress is not None and side.part is None and side.shared is None:
                        self._on_progress(side.task, done, side.size)
                    if job.last:
                        break
                if side.part is not None:
                    counts = _with_unseen(counts, side.part)
                    writer.refuse(read_quarantine(side.part.digests))
                writer.finish({**counts, **longer.as_json(), UNREAD: unread}, side.place_forms)
        except OSError as error:
            raise _unwritable(side.folder.parent, error) from error
        entry = open_entry(side.folder)
        if entry is None:
            raise MftError(f"The token cache {side.folder} was damaged at once.", "Check the disk, or set MFT_CACHE.")
        return entry


def _unwritable(cache: Path, error: OSError) -> MftError:
    hint = "Check the space and the rights there; MFT_CACHE names another folder."
    return MftError(f"The token cache {cache} cannot be written: {error}", hint)


def open_entries(sides: Iterable[Side]) -> dict[Path, TokenEntry]:
    """Those that are in the cache, by their folders."""
    folders = dict.fromkeys(side.folder for side in sides)
    return {folder: entry for folder in folders if (entry := open_entry(folder)) is not None}


def _with_unseen(counts: Counter[str], part: Part) -> Counter[str]:
    """The counts of a part with what its whole was read to hold: how many records, and which are bad."""
    whole = {reason: count for reason, count in part.digests.counts.items() if isinstance(count, int)}
    return Counter({**counts, READ: 0}) + Counter(whole)
