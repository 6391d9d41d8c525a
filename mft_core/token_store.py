"""Tokenised records on disk: flat memory-mapped arrays, written whole or not at all.

An entry is a folder: `ids.bin`, `supervised.bin` (one element per token), the arrays of `ARRAYS` (one element per
record), `quarantine.jsonl`, and `meta.json` with a checksum of each of them, written last.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np

from mft_core.durable import whole_folder
from mft_core.records import Sample

ARRAYS = {
    "offsets": np.int64,
    "supervised_counts": np.int64,
    "digests": np.uint64,
    "files": np.int32,
    "lines": np.int64,
}

STREAMS = ("ids.bin", "supervised.bin", "quarantine.jsonl")


@dataclass(frozen=True)
class TokenEntry:
    """Everything one list of files became.

    Attributes:
        ids: uint16 or uint32 [tokens], memory-mapped.
        supervised: bool [tokens], memory-mapped.
        offsets: int64 [records + 1].
        supervised_counts: int64 [records].
        digests: uint64 [records], equal for equal contents.
        files: int32 [records], which of the files a record stands in.
        lines: int64 [records], its line number there, from 1.
        counts: "read", "truncated", and for every reason a record was refused for, how many.
        folder: where it lies.
    """

    ids: np.ndarray
    supervised: np.ndarray
    offsets: np.ndarray
    supervised_counts: np.ndarray
    digests: np.ndarray
    files: np.ndarray
    lines: np.ndarray
    counts: Mapping[str, Any]
    folder: Path

    def __len__(self) -> int:
        return len(self.digests)


@dataclass(frozen=True)
class TokenStore:
    """The samples of one side (training or validation) of one task.

    Attributes:
        entry: the arrays they lie in, shared by both sides where validation is split off.
        index: int64 [samples], which records of the entry these are, ascending.
        paths: the files that `entry.files` counts.
    """

    entry: TokenEntry
    index: np.ndarray
    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.index)

    @cached_property
    def lengths(self) -> np.ndarray:
        """int64 [samples], tokens of each sample."""
        return np.diff(self.entry.offsets)[self.index]

    @cached_property
    def supervised_counts(self) -> np.ndarray:
        """int64 [samples], supervised tokens of each sample; never 0."""
        return self.entry.supervised_counts[self.index]

    def sample(self, number: int) -> Sample:
        """Sample `number` (0 .. len - 1), copied out of the mapped arrays."""
        record = self.index[number]
        span = slice(self.entry.offsets[record], self.entry.offsets[record + 1])
        return Sample(self.entry.ids[span].astype(np.int64), self.entry.supervised[span].astype(bool))

    def origin(self, number: int) -> str:
        """ "file:line" of sample `number`, for messages."""
        record = self.index[number]
        return f"{self.paths[self.entry.files[record]]}:{self.entry.lines[record]}"


class EntryWriter:
    """Writes an entry; a context manager whose block ends with `finish`, after which the entry appears at `target`.

    A whole entry that is there by then stays; an exception leaves nothing behind.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, target: Path, ids_dtype: np.dtype) -> None:
        self.target = target
        self._dtype = ids_dtype
        self._streams: dict[str, IO[bytes]] = {}
        self._columns: dict[str, list[np.ndarray]] = {name: [] for name in ("lengths", *ARRAYS) if name != "offsets"}

    def __enter__(self) -> EntryWriter:
        with ExitStack() as stack:
            self.folder = stack.enter_context(whole_folder(self.target, keep_existing=_is_whole))
            for name in STREAMS:
                self._streams[name] = stack.enter_context((self.folder / name).open("wb"))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._stack.__exit__(*raised)

    def add(
        self, ids: np.ndarray, supervised: np.ndarray, columns: Mapping[str, np.ndarray], refused: Sequence[dict]
    ) -> None:
        """Append some records.

        Args:
            ids: [tokens] of all of them.
            supervised: bool [tokens].
            columns: "lengths" and every array of `ARRAYS` but the offsets, one element per record.
            refused: quarantined records, JSON values.
        """
        self._streams["ids.bin"].write(ids.astype(self._dtype).tobytes())
        self._streams["supervised.bin"].write(supervised.astype(np.bool_).tobytes())
        for line in refused:
            self._streams["quarantine.jsonl"].write(json.dumps(line, ensure_ascii=True).encode() + b"\n")
        for name, parts in self._columns.items():
            parts.append(columns[name])

    def finish(self, counts: Mapping[str, Any]) -> None:
        """Write what is known only at the end.

        Args:
            counts: see `TokenEntry`.
        """
        for stream in self._streams.values():
            stream.close()
        arrays = {name: np.concatenate([*parts, np.zeros(0, np.int64)]) for name, parts in self._columns.items()}
        arrays["offsets"] = np.concatenate([[0], np.cumsum(arrays.pop("lengths"), dtype=np.int64)])
        for name, dtype in ARRAYS.items():
            np.save(self.folder / f"{name}.npy", arrays[name].astype(dtype))
        checksums = {path.name: _checksum(path) for path in sorted(self.folder.iterdir())}
        meta = {"dtype": self._dtype.name, "counts": dict(counts), "checksums": checksums}
        (self.folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def open_entry(folder: Path) -> TokenEntry | None:
    """The entry in `folder`, memory-mapped; None where there is none or it is damaged, so that it is made again."""
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        if any(_checksum(folder / name) != checksum for name, checksum in meta["checksums"].items()):
            return None
        arrays = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in ARRAYS}
        ids = _mapped(folder / "ids.bin", np.dtype(meta["dtype"]))
        supervised = _mapped(folder / "supervised.bin", np.dtype(np.bool_))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return TokenEntry(ids=ids, supervised=supervised, counts=meta["counts"], folder=folder, **arrays)


def _is_whole(folder: Path) -> bool:
    return open_entry(folder) is not None


def read_quarantine(entry: TokenEntry) -> Iterator[dict[str, Any]]:
    """The refused records of an entry: "file" (a number), "line", "reason", "detail", "record"."""
    with (entry.folder / "quarantine.jsonl").open(encoding="utf-8") as stream:
        for line in stream:
            yield json.loads(line)


def _mapped(path: Path, dtype: np.dtype) -> np.ndarray:
    if path.stat().st_size == 0:
        return np.zeros(0, dtype)
    return np.memmap(path, dtype, mode="r")


def _checksum(path: Path) -> int:
    """CRC-32: a whole data set is checked at every start, and SHA-256 would take several times as long."""
    value = 0
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            value = zlib.crc32(block, value)
    return value
