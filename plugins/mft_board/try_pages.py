"""The page on which a prompt is tried: several runs and their base answer, one after the other, side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mft_board.places import RUN, Place, Places
from mft_board.rendering import render
from mft_board.worker_process import WorkerProcess
from mft_core.errors import MftError, UsageError
from mft_core.support import run_files
from mft_core.support.redact import redacted

MOST_RUNS = 1000
MOST_LETTERS = 200_000


class Asked(BaseModel):
    """What is tried.

    Attributes:
        runs: keys of runs.
        base: whether the base of the first one answers too.
        prompt, system: what is said; "": no system turn but the run's own.
        tokens: most of an answer.
        temperature: 0: always the likeliest token.
        reference: what answers are compared with; "": nothing.
    """

    model_config = ConfigDict(extra="forbid")
    runs: list[str] = Field(min_length=1, max_length=8)
    base: bool = False
    prompt: str = Field(min_length=1, max_length=MOST_LETTERS)
    system: str = Field("", max_length=MOST_LETTERS)
    tokens: int = Field(256, ge=1, le=8192)
    temperature: float = Field(0.0, ge=0, le=5)
    reference: str = Field("", max_length=MOST_LETTERS)


class Column(NamedTuple):
    """Whose answer stands in a column: its title, and the folders of its model and of its run."""

    title: str
    folder: Path
    run: Path


class TryPages:
    """What is tried, and with which models.

    Args:
        places: where runs are.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self.worker = WorkerProcess()

    def form(self, query: Mapping[str, str]) -> str:
        """The page."""
        runs = [place for place in self._places.all(RUN) if self._is_finished(place)]
        return render("try.jinja", runs=runs[:MOST_RUNS], chosen=query.get("run", ""))

    def prompts(self, place: Place, task: str, worker: WorkerProcess) -> str:
        """Examples of a task's validation data; `worker` has the data open."""
        roots = [str(root) for root in self._places.roots]
        (found,) = worker.ask(work="prompts", run=str(place.path), roots=roots, task=task)
        return render("prompts.jinja", place=place, found=found)

    def answers(self, body: bytes) -> Iterator[str]:
        """Replies as lines of JSON, each with the number of its column; the titles of all columns come first.

        Raises:
            UsageError: what is asked cannot be understood, or names no finished run.
        """
        try:
            asked = Asked.model_validate_json(body)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise UsageError(f"{where}: {first['msg']}.", "Choose a run, and write a prompt.") from error
        return self._lines(asked, self._columns(asked))

    def _lines(self, asked: Asked, columns: list[Column]) -> Iterator[str]:
        yield _line(titles=[column.title for column in columns])
        for number, column in enumerate(columns):
            try:
                for reply in self.worker.ask(
                    work="answer", folder=str(column.folder), run=str(column.run), prompt=asked.prompt,
                    system=asked.system, tokens=asked.tokens, temperature=asked.temperature, reference=asked.reference,
                ):  # fmt: skip
                    yield _line(column=number, **reply)
            except MftError as error:  # the other models may still answer
                yield _line(column=number, error=error.message, hint=error.hint)

    def _columns(self, asked: Asked) -> list[Column]:
        places = [place for key in dict.fromkeys(asked.runs) if (place := self._places.find(RUN, key))]
        places = [place for place in places if self._is_finished(place)]
        if not places:
            raise UsageError("None of these runs has a result.", "A run can be tried when it has ended.")
        columns = [Column(place.title, place.path, place.path) for place in places]
        return columns + ([_base_of(places[0])] if asked.base else [])

    def _is_finished(self, place: Place) -> bool:
        final = place.path / run_files.FINAL
        return final.is_dir() and self._places.holds(final) and (place.path / run_files.RECIPE).is_file()


def _base_of(place: Place) -> Column:
    path = place.path / run_files.COMPONENTS
    try:
        base = json.loads(path.read_text(encoding="utf-8"))["base"]
        return Column(f"base {base['reference']}", Path(base["folder"]), place.path)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(f"{path} does not say what the base was: {error!r}", "Try without the base.") from error


def _line(**reply: Any) -> str:
    return json.dumps(redacted(reply), ensure_ascii=False) + "\n"
