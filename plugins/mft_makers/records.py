"""Instructions of the user's own records, read lazily in whatever form a reader knows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from mft_core.data.line_parsing import parse_line
from mft_core.data.readers import Readers
from mft_core.data.record_forms import parse_record
from mft_core.data.task_files import ExplicitTask, explicit_tasks
from mft_core.errors import MftError, RecordError
from mft_makers.tally import Tally


def instructions(records: str, readers: Readers, tally: Tally) -> Iterator[str]:
    """What the user says first in each record, in the order of the files; each text once.

    Args:
        records: a file, a glob or a folder; of a folder, validation and test files are left out.
        tally: counts records that are none, or have no user's turn.

    Raises:
        MftError: there is no such file, it cannot be read, or nothing in it is an instruction.
    """
    (task,) = explicit_tasks([ExplicitTask("records", records)], Path.cwd(), readers)
    seen: set[bytes] = set()
    for path in task.train:
        for raw in readers.reader_of(path).records(path):
            try:
                record = parse_record(parse_line(raw.text), "") if raw.fault is None else None
            except RecordError as error:
                tally.add(f"record: {error.reason}")
                continue
            if raw.fault is not None:
                tally.add(f"record: {raw.fault[0]}")
                continue
            text = next((turn.content for turn in record.turns if turn.role == "user"), "") if record else ""
            if not text.strip():
                tally.add("record: no instruction")
            elif (digest := hashlib.blake2b(text.encode(), digest_size=8).digest()) not in seen:
                seen.add(digest)
                yield text.strip()
    if not seen:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in tally.counts().items()) or "no records"
        raise MftError(f"{records} holds no instruction: {reasons}.", "docs/data.md shows the forms of records.")
