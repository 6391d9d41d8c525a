"""A run's validation records as text, for measures that compare answers with references."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mft_core.data.line_parsing import parse_line
from mft_core.data.readers import Readers
from mft_core.data.record_forms import parse_record
from mft_core.data.tasks import Task
from mft_core.data.token_store import TokenStore
from mft_core.errors import MftError, RecordError
from mft_core.records import Record

Texts = Mapping[tuple[Path, str], Mapping[int, bytes]]
"""By file and what reads it, and by the place in it, a record as it stands there."""


def validation_records(tasks: Iterable[Task], readers: Readers) -> dict[str, list[Record]]:
    """The validation records of every task, in the order of their samples; each once, even where it was split.

    Raises:
        MftError: a file is gone or has changed since it was tokenised.
    """
    tasks = list(tasks)
    texts = _texts([task.valid for task in tasks], readers)
    return {task.name: _records(task.valid, texts) for task in tasks}


def stored_records(store: TokenStore, readers: Readers) -> list[Record]:
    """The records that a store's samples were made of; raises as `validation_records`."""
    return _records(store, _texts([store], readers))


def _texts(stores: Sequence[TokenStore], readers: Readers) -> Texts:
    """What the stores' samples were made of; a file is read once, however many of them have samples of it."""
    wanted: dict[tuple[Path, str], set[int]] = defaultdict(set)
    choices = {str(store.reader): store.reader for store in stores}
    for store in stores:
        for number, path in enumerate(store.paths):
            wanted[path, str(store.reader)].update(_places(store, number))
    return {
        (path, name): {
            record.place: record.text
            for record in readers.reader_of(path, choices[name]).records(path)
            if record.place in places
        }
        for (path, name), places in wanted.items()
        if places
    }


def _places(store: TokenStore, number: int) -> list[int]:
    """Where the records of a store's samples stand in one of its files, each once."""
    rows = store.index[store.entry.files[store.index] == number]
    return list(dict.fromkeys(store.entry.places[rows].tolist()))


def _records(store: TokenStore, texts: Texts) -> list[Record]:
    records = []
    for number, path in enumerate(store.paths):
        for place in _places(store, number):
            origin = store.entry.origin(store.paths, number, place)
            try:
                records.append(parse_record(parse_line(texts[path, str(store.reader)][place]), origin, store.form))
            except (KeyError, RecordError) as error:
                raise MftError(
                    f"{origin} is not the record that was tokenised: {error}", "Has the file changed since?"
                ) from error
    return records
