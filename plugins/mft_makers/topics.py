"""Knowledge points: one a line of a text, or one a record of a data file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from mft_core.data.line_parsing import parse_line
from mft_core.data.reader import place_in_words
from mft_core.data.readers import Readers
from mft_core.errors import MftError, RecordError, UsageError
from mft_core.registry.options import PathText
from mft_makers.prompted import SolvedOptions

BUNDLED = {"en": "python.txt", "zh": "python-zh.txt"}
"""Of Python, by the language they are written in."""
MOST_CHARACTERS = 2000
"""Of a point."""
TEXTS = (".txt", ".md", "")
BULLET = re.compile(r"(?:[-*+•]|\d{1,3}[.)])(?:\s+|$)")
"""Of a list in Markdown."""


class TopicsOptions(SolvedOptions):
    """Options of makers that go through knowledge points."""

    topics: PathText = Field(
        "",
        description='file of knowledge points: a text with one a line, "# HEADING" above those that belong together, '
        'or records with `field`; "": the bundled ones on Python',
    )
    field: str = Field("", description="of each record of `topics`, where that is no text: which value is the point")
    rounds: int = Field(8, ge=1, description="how often each point is gone through, in another way every time")


class Topic(NamedTuple):
    """A knowledge point.

    Attributes:
        text: the point.
        group: the heading it stands under; where there is none, the point.
    """

    text: str
    group: str


def read_topics(options: TopicsOptions, readers: Readers) -> list[Topic]:
    """The points that the options name, each once, in their order.

    Raises:
        UsageError: the bundled ones are of another programming language, or `field` is missing.
        MftError: a file cannot be read, or holds none.
    """
    if not options.topics:
        if options.programming_language != "python":
            raise UsageError(
                f"The bundled knowledge points are of Python, not of {options.programming_language}.",
                "Name a file with points of your own: method.topics, one a line.",
            )
        bundled = files("mft_makers") / "points" / BUNDLED[options.language]
        return _distinct(_of_lines(bundled.read_text(encoding="utf-8").splitlines()))
    path = Path(options.topics)
    if path.is_dir():
        raise UsageError(f"{path} is a folder; topics are in one file.", "Name a text with one point a line.")
    found = _distinct(_of_lines(_lines(path)) if path.suffix in TEXTS else _of_records(path, options.field, readers))
    if not found:
        raise MftError(f"{path} holds no knowledge point.", "Write one a line.")
    longest = max(found, key=lambda topic: len(topic.text)).text
    if len(longest) > MOST_CHARACTERS:
        raise MftError(
            f"{path} has a knowledge point of {len(longest)} characters: {longest[:40]!r}...",
            f"It goes into every question on it: at most {MOST_CHARACTERS} characters, one point a line.",
        )
    return found


def _distinct(topics: Iterable[Topic]) -> list[Topic]:
    return list({topic.text: topic for topic in topics}.values())


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise MftError(f"There is no {path} with knowledge points.", "method.topics names it.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise MftError(f"{path} with knowledge points cannot be read: {error}", "It is a text in UTF-8.") from error


def _of_lines(lines: Iterable[str]) -> Iterator[Topic]:
    group = ""
    for line in map(str.strip, lines):
        if line.startswith("#"):
            group = line.lstrip("#").strip()
        elif point := line[match.end() if (match := BULLET.match(line)) else 0 :]:
            yield Topic(point, group or point)


def _of_records(path: Path, field: str, readers: Readers) -> Iterator[Topic]:
    if not field:
        raise UsageError(
            f"{path} has records: which value of them is the knowledge point?", 'Say it: method.field = "NAME".'
        )
    reader = readers.reader_of(path)
    for record in reader.records(path):
        where = f"{path}{place_in_words(reader.place_form(path), record.place)}"
        try:
            value = parse_line(record.text)
        except RecordError as error:
            raise MftError(f"{where}: {error}", "Mend or remove the record.") from error
        text = value.get(field) if isinstance(value, dict) else None
        if not isinstance(text, str) or not text.strip():
            raise MftError(f"{where} has no text {field!r}.", "Mend or remove the record, or name another field.")
        yield Topic(text.strip(), text.strip())
