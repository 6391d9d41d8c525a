"""A run's validation records as text, for measures that compare answers with references."""

from __future__ import annotations

from collections.abc import Iterable

from mft_core.data.line_parsing import parse_line
from mft_core.data.reader import place_in_words
from mft_core.data.readers import Readers
from mft_core.data.record_forms import parse_record
from mft_core.data.tasks import Task
from mft_core.data.token_store import TokenStore
from mft_core.errors import MftError, RecordError
from mft_core.records import Record


def validation_records(tasks: Iterable[Task], readers: Readers) -> dict[str, list[Record]]:
    """The validation records of every task, in the order of their samples; each once, even where it was split."""
    return {task.name: stored_records(task.valid, readers) for task in tasks}


def stored_records(store: TokenStore, readers: Readers) -> list[Record]:
    """The records that a store's samples were made of.

    Raises:
        MftError: a file is gone or has changed since it was tokenised.
    """
    entry, records = store.entry, []
    for number, path in enumerate(store.paths):
        wanted = dict.fromkeys(int(entry.places[row]) for row in store.index if entry.files[row] == number)
        if not wanted:
            continue
        raw = readers.reader_of(path, store.reader).records(path)
        found = {record.place: record.text for record in raw if record.place in wanted}
        for place in wanted:
            origin = f"{path}{place_in_words(entry.place_forms[number], place)}"
            try:
                records.append(parse_record(parse_line(found[place]), origin, store.form))
            except (KeyError, RecordError) as error:
                raise MftError(
                    f"{origin} is not the record that was tokenised: {error}", "Has the file changed since?"
                ) from error
    return records
