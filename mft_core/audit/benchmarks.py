"""Published sets whose problems are looked for: those of the evaluators, and files of any kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mft_core.audit.leakage import Problem
from mft_core.data.line_parsing import parse_line
from mft_core.data.readers import Readers
from mft_core.errors import MftError, RecordError, UsageError
from mft_core.evaluation.published_sets import PublishedSet, load_set
from mft_core.registry.catalog import Catalog
from mft_core.support.suggestions import did_you_mean

NAMES = ("task_id", "id", "name", "problem_id", "question_id")
ASKED, SOLUTION = ("declaration", "prompt"), "canonical_solution"
"""Keys of HumanEval and its relatives, in which the solution goes on where the question ends."""
SHORTEST = 40
"""Characters of a text that may tell a problem from others."""


def problems_of(wanted: str, catalog: Catalog, readers: Readers) -> list[Problem]:
    """The problems of a set.

    Args:
        wanted: the name of an evaluator whose set is published ("humaneval", which is fetched, or "humaneval=PATH"), or
            a file of records of any kind.
        catalog: has the evaluators.
        readers: of such files.

    Raises:
        UsageError: there is neither such an evaluator nor such a file.
        MftError: it cannot be read.
    """
    name, _, place = wanted.partition("=")
    published = _published(name, catalog)
    if published is not None:
        rows = enumerate(_rows_of_set(place, published, name))
        return [Problem(name, _name(row, number), tuple(_parts(row))) for number, row in rows]
    path = Path(wanted).expanduser()
    if not path.is_file():
        names = [entry.name for entry in catalog.of_kind("evaluator")]
        message = f"--against {wanted}: there is no such file, nor an evaluator with a published set."
        raise UsageError(message, did_you_mean(name, names))
    return [Problem(path.name, _name(row, number), tuple(_parts(row))) for number, row in _rows(path, readers)]


def _published(name: str, catalog: Catalog) -> PublishedSet | None:
    if catalog.find("evaluator", name) is None:
        return None
    published = getattr(catalog.load("evaluator", name), "published", None)
    return published if isinstance(published, PublishedSet) else None


def _rows_of_set(place: str, published: PublishedSet, name: str) -> Iterable[Mapping[str, Any]]:
    try:
        return load_set(place, published, name)
    except MftError as error:  # its hint is a key of runs
        message = error.message.removeprefix(f"eval.{name}.data: ")
        raise type(error)(message, f"Name the set's file, or the folder that holds it: {name}=PATH") from error


def _rows(path: Path, readers: Readers) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, record in enumerate(readers.reader_of(path).records(path)):
        try:
            value = parse_line(record.text)
        except RecordError as error:
            raise MftError(f"{path}, record {number}: {error}", "Every record must be one problem.") from error
        if isinstance(value, dict):
            yield number, value


def _name(row: Mapping[str, Any], number: int) -> str:
    return next((str(row[key]) for key in NAMES if row.get(key) is not None), str(number))


def _parts(row: Mapping[str, Any]) -> Iterator[str]:
    """The texts of a problem, what is asked together with its solution where one goes on in the other; lists of texts,
    such as tests, as one."""
    if SOLUTION in row:
        yield "".join(str(row[key]) for key in (*[key for key in ASKED if key in row][:1], SOLUTION))
    for value in row.values():
        text = "\n".join(map(str, value)) if isinstance(value, list) else value
        if isinstance(text, str) and len(text) >= SHORTEST:
            yield text
