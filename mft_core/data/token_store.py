"""Tokenised records on disk: flat memory-mapped arrays, written whole or not at all.

An entry is a folder: `ids.bin` (one element per token), `spans.bin` (the supervised stretches), the arrays of `ARRAYS`
(one element per sample), `quarantine.jsonl`, and `meta.json` with a checksum of each of them, written last.

A million samples of 60 tokens take about 0.16 GiB on disk. Only what is used becomes resident, and the kernel may
take it back.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from mft_core.data.reader import place_in_words
from mft_core.records import Sample
from mft_core.support.checksums import check_files
from mft_core.support.durable import whole_folder
from mft_core.support.reading import AS_IT_IS, ReaderChoice, RecordForm
from mft_core.support.redact import redacted

ARRAYS = {
    "offsets": np.int64,
    "supervised_counts": np.int32,
    "digests": np.uint64,
    "folded_digests": np.uint64,
    "files": np.int32,
    "places": np.int64,
}

STREAMS = ("ids.bin", "spans.bin", "quarantine.jsonl")


@dataclass(frozen=True)
class TokenEntry:
    """Everything one list of files became. A record is one sample; one that was split is several in a row.

    Attributes:
        ids: uint16 or uint32 [tokens], memory-mapped, as are all arrays.
        spans: int64 [stretches, 2], ascending: start and end, in `ids`, of each stretch of supervised tokens.
        offsets: int64 [samples + 1].
        supervised_counts: int32 [samples].
        digests: uint64 [samples], equal for equal contents and for the parts of one record.
        folded_digests: uint64 [samples], equal also where contents differ in white space alone.
        files: int32 [samples], which of the files the record stands in.
        places: int64 [samples], where it stands there, as `mft_core.data.reader.RawRecord` has it.
        place_forms: of each file, the words for a place (`mft_core.data.reader.place_in_words`).
        counts: "read", "truncated", "split", "parts", and for every reason a record was refused for, how many; "longer"
            and "unread_keys" as in `mft_core.data.tasks.TaskReport`.
        folder: where it lies.
    """

    ids: np.ndarray
    spans: np.ndarray
    offsets: np.ndarray
    supervised_counts: np.ndarray
    digests: np.ndarray
    folded_digests: np.ndarray
    files: np.ndarray
    places: np.ndarray
    place_forms: Sequence[str]
    counts: Mapping[str, Any]
    folder: Path

    def __len__(self) -> int:
        return len(self.digests)

    def origin(self, paths: Sequence[Path], file: int, place: int) -> str:
        """Where a record stands, such as "file:line".

        Args:
            paths: the files.
            file: which of them.
            place: where in it.
        """
        return f"{paths[file]}{place_in_words(self.place_forms[file], place)}"

    def sample(self, number: int) -> Sample:
        """Sample `number`, copied out of the mapped arrays."""
        bounds = self.offsets[number : number + 2]
        first, end = bounds.tolist()
        supervised = np.zeros(end - first, bool)
        inside = slice(*self.spans[:, 0].searchsorted(bounds))
        for start, stop in self.spans[inside].tolist():
            supervised[start - first : stop - first] = True
        return Sample(self.ids[first:end].astype(np.int64), supervised)


@dataclass(frozen=True)
class TokenStore:
    """The samples of one side (training or validation) of one task.

    Attributes:
        entry: the arrays they lie in, shared by both sides where validation is split off.
        index: int64 [samples], which samples of the entry these are, ascending.
        paths: the files that `entry.files` counts.
        reader: of all of them; None: for each the one that its suffix asks for.
        form: of the records in them.
    """

    entry: TokenEntry
    index: np.ndarray
    paths: tuple[Path, ...]
    reader: ReaderChoice | None = None
    form: RecordForm = AS_IT_IS

    def __len__(self) -> int:
        return len(self.index)

    @property
    def lengths(self) -> np.ndarray:
        """int64 [samples], tokens of each sample; made anew whenever it is asked for."""
        return np.diff(self.entry.offsets)[self.index]

    @property
    def supervised_counts(self) -> np.ndarray:
        """int64 [samples], supervised tokens of each sample, never 0; made anew whenever it is asked for."""
        return self.entry.supervised_counts[self.index].astype(np.int64)

    @property
    def records(self) -> int:
        """Records these samples are of: fewer than samples where some were split."""
        if not self.entry.counts.get("split"):
            return len(self)
        places, files = self.entry.places[self.index], self.entry.files[self.index]
        return int(np.count_nonzero((np.diff(places) != 0) | (np.diff(files) != 0))) + (len(self) > 0)

    def sample(self, number: int) -> Sample:
        """Sample `number` (0 .. len - 1)."""
        return self.entry.sample(int(self.index[number]))

    def origin(self, number: int) -> str:
        """Where sample `number` comes from, such as "file:line", for messages."""
        row = self.index[number]
        return self.entry.origin(self.paths, int(self.entry.files[row]), int(self.entry.places[row]))


class EntryWriter:
    """Writes an entry; a context manager whose block ends with `finish`, after which the entry appears at `target`.

    A whole entry that is there by then stays; an exception leaves nothing behind.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, target: Path, ids_dtype: np.dtype) -> None:
        self.target = target
        self._dtype = ids_dtype
        self._tokens = 0
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
        """Append some samples.

        Args:
            ids: [tokens] of all of them.
            supervised: bool [tokens]; no sample's first token is.
            columns: "lengths" and every array of `ARRAYS` but the offsets, one element per sample.
            refused: quarantined records, JSON values; secrets in them are not kept.
        """
        self._streams["ids.bin"].write(ids.astype(self._dtype).tobytes())
        self._streams["spans.bin"].write((_spans(supervised) + self._tokens).tobytes())
        self._tokens += len(ids)
        for line in refused:
            self._streams["quarantine.jsonl"].write(json.dumps(redacted(line), ensure_ascii=True).encode() + b"\n")
        for name, parts in self._columns.items():
            parts.append(columns[name])

    def finish(self, counts: Mapping[str, Any], place_forms: Sequence[str]) -> None:
        """Write what is known only at the end; see `TokenEntry`."""
        for stream in self._streams.values():
            stream.close()
        arrays = {name: np.concatenate([*parts, np.zeros(0, np.int64)]) for name, parts in self._columns.items()}
        arrays["offsets"] = np.concatenate([[0], np.cumsum(arrays.pop("lengths"), dtype=np.int64)])
        for name, dtype in ARRAYS.items():
            np.save(self.folder / f"{name}.npy", arrays[name].astype(dtype))
        known = {"counts": dict(counts), "place_forms": list(place_forms)}
        checksums = {path.name: checksum(path) for path in sorted(self.folder.iterdir())}
        meta = {"dtype": self._dtype.name, **known, "checksums": checksums}
        (self.folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def open_entry(folder: Path) -> TokenEntry | None:
    """The entry in `folder`, memory-mapped; None where there is none or it is damaged, so that it is made again."""
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        check_files(folder, meta["checksums"], {*STREAMS, *(f"{name}.npy" for name in ARRAYS)}, checksum)
        arrays = {name: _mapped_array(folder / f"{name}.npy") for name in ARRAYS}
        ids = mapped(folder / "ids.bin").view(np.dtype(meta["dtype"]))
        counts, place_forms = meta["counts"], meta["place_forms"]
        spans = mapped(folder / "spans.bin").view(np.int64).reshape(-1, 2)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        return None
    return TokenEntry(ids=ids, spans=spans, counts=counts, place_forms=place_forms, folder=folder, **arrays)


def _is_whole(folder: Path) -> bool:
    return open_entry(folder) is not None


def read_quarantine(entry: TokenEntry) -> Iterator[dict[str, Any]]:
    """The refused records of an entry: "file" (a number), "place", "reason", "detail", "record"."""
    with (entry.folder / "quarantine.jsonl").open(encoding="utf-8") as stream:
        for line in stream:
            yield json.loads(line)


def _spans(supervised: np.ndarray) -> np.ndarray:
    """int64 [stretches, 2]: start and end of each stretch of True; stretches of neighbouring samples never touch."""
    padded = np.zeros(len(supervised) + 2, np.int8)
    padded[1:-1] = supervised
    return np.flatnonzero(np.diff(padded)).reshape(-1, 2)


def _mapped_array(path: Path) -> np.ndarray:
    """A one-dimensional .npy file, memory-mapped."""
    with path.open("rb") as stream:
        version = np.lib.format.read_magic(stream)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = read_header[version](stream)
        begin = stream.tell()
    return mapped(path)[begin : begin + shape[0] * dtype.itemsize].view(dtype)


def mapped(path: Path) -> np.ndarray:
    """uint8, read-only: a file, memory-mapped, without keeping it open.

    Each of numpy's maps holds a file descriptor for as long as it lives, of which a process has about a thousand: a run
    of 150 tasks ran out of them. Torch's maps close the file.
    """
    import torch  # here, because mistakes in a recipe are answered without it

    size = path.stat().st_size
    if size == 0:
        return np.zeros(0, np.uint8)
    array: np.ndarray = torch.from_file(str(path), shared=False, size=size, dtype=torch.uint8).numpy()
    array.flags.writeable = False
    return array


def checksum(path: Path) -> int:
    """CRC-32: a whole data set is checked at every start, and SHA-256 would take several times as long."""
    value = 0
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            value = zlib.crc32(block, value)
    return value
