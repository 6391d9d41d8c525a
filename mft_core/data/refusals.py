"""Refused records in words: the first of them, and whether a task can be trained without them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from mft_core.data.length_guard import NOTHING, OVERLONG
from mft_core.data.tasks import Task
from mft_core.data.token_store import TokenStore, read_quarantine
from mft_core.data.usual_keys import UNKNOWN_FORM
from mft_core.errors import MftError
from mft_core.recipe.schema import DataSection
from mft_core.support import run_files
from mft_core.support.lists import first_few
from mft_core.support.shared_files import SharedFiles

EXAMPLES = 5
COLUMNS = """Where fields have other names, say which are meant: data.columns (or columns of the task), such as \
{prompt = "ask", response = "sql"}. """


def examples(store: TokenStore) -> Iterator[str]:
    """The first refused records of a store, each with its place and reason."""
    for line in islice(read_quarantine(store.entry), EXAMPLES):
        detail = f": {line['detail']}" if line["detail"] else ""
        origin = store.entry.origin(store.paths, line["file"], line["place"])
        yield f"{origin} {line['reason']}{detail}"


def unusable(task: Task, settings: DataSection, cache: Path) -> MftError | None:
    """What is wrong with a task of which too many records are bad, or none can be used; None for any other.

    Args:
        cache: where quarantine.jsonl is written for it.
    """
    report = task.report
    by_choice = report.bad.get(NOTHING, 0)  # of weight 0, as whoever made the data meant it
    if report.bad_records - by_choice > settings.max_bad * report.read:
        shown = "".join(f"\n  {example}" for example in report.examples)
        reasons = _reasons({**report.bad, OVERLONG: report.overlong})
        where = COLUMNS if report.bad.get(UNKNOWN_FORM) == report.bad_records else ""
        return MftError(
            f"Task {task.name!r}: {report.bad_records} of {report.read} records are bad ({reasons}).{shown}",
            f"{where}All of them are in {cache / run_files.QUARANTINE}. Mend them, or allow more with data.max_bad "
            f"(now {settings.max_bad:g}).",
        )
    used = report.valid if task.sampling.watched else report.train
    return None if used else _no_training_record(task, settings)


def too_many_without_task(task: Task, shared: SharedFiles, settings: DataSection, cache: Path) -> MftError | None:
    """What is wrong with files of which too many records are of no task; None where they are few.

    Args:
        task: these records.
        shared: the files.
        cache: where quarantine.jsonl is written for it.
    """
    report = task.report
    if report.bad_records <= settings.max_bad * shared.records:
        return None
    shown = "".join(f"\n  {example}" for example in report.examples)
    files = first_few(task.train.paths, of_what="files")
    return MftError(
        f"task_field: {report.bad_records} of {shared.records} records have no {shared.field!r} that names a task, in "
        f"{files} ({_reasons(report.bad)}).{shown}",
        f"All of them are in {cache / run_files.QUARANTINE}. Mend them, or allow more with data.max_bad "
        f"(now {settings.max_bad:g}).",
    )


def _no_training_record(task: Task, settings: DataSection) -> MftError:
    """Of the training files alone, whatever validates."""
    counts, files = task.train.entry.counts, first_few(task.train.paths, of_what="files")
    why = _reasons({key: counts.get(key, 0) for key in (*task.report.bad, OVERLONG)}) or "empty"
    shown = "".join(f"\n  {example}" for example in examples(task.train))
    own, kind = task.sampling.max_length, "" if task.sampling.watched else "training "
    limit = f"data.max_length (now {settings.max_length})" if own is None else f"its max_length (now {own})"
    others = {"drop": ", or see data.overlong", "split": "; data.overlong splits plain text alone"}
    longer = f", or raise {limit}{others.get(settings.overlong, '')}" if counts.get(OVERLONG) else ""
    return MftError(
        f"Task {task.name!r} has no usable {kind}record: {counts.get('read', 0)} in {files} ({why}).{shown}",
        f"Give it records that can be used, or leave it out{longer}.",
    )


def _reasons(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.items() if count)
