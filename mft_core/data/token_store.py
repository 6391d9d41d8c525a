"""Tokenised records on disk: flat memory-mapped arrays, written whole or not at all.

An entry is a folder: `ids.bin` (one element per token), `spans.bin` (the supervised stretches), the arrays of `ARRAYS`
(one element per sample), `weights.bin` where a token has a weight other than 1 (one element per stretch),
`quarantine.jsonl`, and `meta.json` with a checksum of each of them, written last.

A million samples of 60 tokens take about 0.16 GiB on disk. Only what is used becomes resident, and the kernel may
take it back.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np

from mft_core.data.mapped_arrays import mapped, mapped_array
from mft_core.data.reader import place_in_words
from mft_core.data.stretches import find_stretches, spread, weight_sums
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
WEIGHTS = "weights.bin"


@dataclass(frozen=True)
class TokenEntry:
    """Everything one list of files became. A record is one sample; one that was split is several in a row.

    Attributes:
        ids: uint16 or uint32 [tokens], memory-mapped, as are all arrays.
        spans: int64 [stretches, 2], ascending: start and end, in `ids`, of each stretch of supervised tokens of one
            weight.
        weights: float64 [stretches], the weight of the tokens of each; None: all of them are 1.
        offsets: int64 [samples + 1].
        supervised_counts: int32 [samples].
        digests: uint64 [samples], equal for equal contents and for the parts of one record.
        folded_digests: uint64 [samples], equal also where contents differ in white space alone.
        files: int32 [samples], which of the files the record stands in.
        places: int64 [samples], where it stands there, as `mft_core.data.reader.RawRecord` has it.
        place_forms: of each file, the words for a place (`mft_core.data.reader.place_in_words`).
        counts: "read", "truncated", "split", "parts", and for every reason a record was refused for, how many;
            "longer", "longer_tokens", "longer_supervised" and "unread_keys" as in `mft_core.data.tasks.TaskReport`.
        folder: where it lies.
    """

    ids: np.ndarray
    spans: np.ndarray
    weights: np.ndarray | None
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
        inside = slice(*self.spans[:, 0].searchsorted(bounds))
        weights = None if self.weights is None else self.weights[inside]
        return Sample(self.ids[first:end].astype(np.int64), *spread(self.spans[inside] - first, weights, end - first))

    @cached_property
    def weight_sums(self) -> np.ndarray | None:
        """float64 [samples], W_ij, the sum of the weights of each sample's tokens; None: all weights are 1."""
        return None if self.weights is None else weight_sums(self.spans, self.weights, self.offsets)


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
    def weight_sums(self) -> np.ndarray | None:
        """float64 [samples], W_ij, the sum of the weights of each sample's tokens; None: all weights are 1."""
        sums = self.entry.weight_sums
        return None if sums is None else sums[self.index]

    def sizes(self) -> tuple[float, float]:
        """How many its samples and supervised tokens count as, both int unless there are weights."""
        counts, sums = self.supervised_counts, self.weight_sums
        if sums is None:
            return len(self), int(counts.sum())
        return float((sums / counts).sum()), float(sums.sum())

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
        self._weighted = False
        self._streams: dict[str, IO[bytes]] = {}
        self._columns: dict[str, list[np.ndarray]] = {name: [] for name in ("lengths", *ARRAYS) if name != "offsets"}

    def __enter__(self) -> EntryWriter:
        with ExitStack() as stack:
            self.folder = stack.enter_context(whole_folder(self.target, keep_existing=_is_whole))
            for name in (*STREAMS, WEIGHTS):
                self._streams[name] = stack.enter_context((self.folder / name).open("wb"))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._stack.__exit__(*raised)

    def add(
        self,
        ids: np.ndarray,
        supervised: np.ndarray,
        columns: Mapping[str, np.ndarray],
        refused: Sequence[dict],
        weights: np.ndarray | None = None,
    ) -> None:
        """Append some samples.

        Args:
            ids: [tokens] of all of them.
            supervised: bool [tokens]; no sample's first token is.
            columns: "lengths" and every array of `ARRAYS` but the offsets, one element per sample.
            refused: as `refuse`.
            weights: float64 [tokens], as `Sample.weights`; None: all of them are 1.
        """
        values = supervised.astype(np.float64) if weights is None else weights
        spans = find_stretches(values)
        of_spans = values[spans[:, 0]]
        self._weighted |= bool((of_spans != 1).any())
        self._streams["ids.bin"].write(ids.astype(self._dtype).tobytes())
        self._streams["spans.bin"].write((spans + self._tokens).tobytes())
        self._streams[WEIGHTS].write(of_spans.tobytes())
        self._tokens += len(ids)
        self.refuse(refused)
        for name, parts in self._columns.items():
            parts.append(columns[name])

    def refuse(self, refused: Iterable[dict]) -> None:
        """Append quarantined records, JSON values; secrets in them are not kept."""
        for line in refused:
            self._streams["quarantine.jsonl"].write(json.dumps(redacted(line), ensure_ascii=True).encode() + b"\n")

    def finish(self, counts: Mapping[str, Any], place_forms: Sequence[str]) -> None:
        """Write what is known only at the end; see `TokenEntry`."""
        for stream in self._streams.values():
            stream.close()
        if not self._weighted:
            (self.folder / WEIGHTS).unlink()
        none = [np.zeros(0, np.int64)]  # beside digests it would make numbers of 53 bits of them
        arrays = {name: np.concatenate(parts or none) for name, parts in self._columns.items()}
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
        arrays = {name: mapped_array(folder / f"{name}.npy") for name in ARRAYS}
        ids = mapped(folder / "ids.bin").view(np.dtype(meta["dtype"]))
        counts, place_forms = meta["counts"], meta["place_forms"]
        spans = mapped(folder / "spans.bin").view(np.int64).reshape(-1, 2)
        weights = mapped(folder / WEIGHTS).view(np.float64) if WEIGHTS in meta["checksums"] else None
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        return None
    columns = {"ids": ids, "spans": spans, **arrays}
    return TokenEntry(**columns, weights=weights, counts=counts, place_forms=place_forms, folder=folder)


def _is_whole(folder: Path) -> bool:
    return open_entry(folder) is not None


def read_quarantine(entry: TokenEntry) -> Iterator[dict[str, Any]]:
    """The refused records of an entry: "file" (a number), "place", "reason", "detail", "record"."""
    with (entry.folder / "quarantine.jsonl").open(encoding="utf-8") as stream:
        for line in stream:
            yield json.loads(line)


def checksum(path: Path) -> int:
    """CRC-32: a whole data set is checked at every start, and SHA-256 would take several times as long."""
    value = 0
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            value = zlib.crc32(block, value)
    return value
