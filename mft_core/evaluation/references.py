"""Evaluators that compare answers with given ones: of a file of records, or of a run's validation tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field
from typing_extensions import TypeVar

from mft_core.data.record_forms import parse_record
from mft_core.data.tool_text import in_text
from mft_core.errors import MftError, RecordError, UsageError
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.generative import GenerativeEvaluator
from mft_core.evaluation.generative_measure import GenerativeOptions
from mft_core.evaluation.items import Item
from mft_core.evaluation.protocol import Protocol
from mft_core.evaluation.published_sets import find_set, read_rows
from mft_core.generation.answering import Prompt
from mft_core.records import Record, Turn
from mft_core.registry.options import PathText
from mft_core.support.thoughts import without_thought

ID_KEYS = ("task_id", "id")
PATH_SEPARATOR = "/"


class ReferenceOptions(GenerativeOptions):
    """Options of evaluators with references."""

    data: PathText = Field(
        "", description='JSON Lines in any form `mft run` reads, or its folder; "": the run\'s validation'
    )
    tasks: list[str] = Field([], description="of the run's tasks, only these; []: all")


SomeReferenceOptions = TypeVar("SomeReferenceOptions", bound=ReferenceOptions, default=ReferenceOptions, covariant=True)


class ReferenceEvaluator(GenerativeEvaluator[SomeReferenceOptions]):
    """Has every conversation's last answer written anew, and compares: a subclass says with `judge` how.

    Items hold "turns" (role, content and so on, up to the answer) and the "reference" without the thought before it,
    which is none of a model's answer either; calls of tools stand in it as `mft_core.data.tool_text` writes them.
    """

    def items(self, request: EvaluationRequest) -> list[Item]:
        """One per record that ends with an answer; plain texts are counted and told.

        Raises:
            UsageError: neither a file nor a run's validation data are given.
            MftError: a record cannot be used; with its line.
        """
        found = self._from_file() if self.options.data else list(self._from_run(request))
        items = [_item(task_id, group, record) for task_id, group, record in found if record.turns]
        if len(items) < len(found):
            request.on_notice(f"{self.name}: {len(found) - len(items)} plain texts have no answer to compare with")
        return items

    def prompt(self, item: Item) -> Prompt:
        """The conversation up to the answer, laid out as in training."""
        return [Turn(*fields) for fields in item.fields["turns"]]

    def task_of(self, item: Item) -> str:
        """Of the run's validation records, their task."""
        return item.group

    def describe(self) -> Protocol:
        """As in training."""
        return Protocol("as trained", post_processing="a thought before it and surrounding white space removed")

    def post_process(self, item: Item, text: str) -> str:
        """Without the thought before it, and white space around it."""
        return without_thought(text).strip()

    def reference(self, item: Item) -> str:
        """The record's own answer, without the thought before it."""
        return item.fields["reference"]

    def check(self) -> None:
        """Read the file, if one is named."""
        if self.options.data:
            self._from_file()

    def _from_file(self) -> list[tuple[str, str, Record]]:
        path = find_set(Path(self.options.data).expanduser(), None, self.name)
        found = []
        for number, row in enumerate(read_rows(path), 1):
            task_id = next((str(row[key]) for key in ID_KEYS if key in row), str(number))
            try:
                found.append((task_id, "", parse_record(row, f"{path}, record {number}")))
            except RecordError as error:
                hint = "Every record needs a prompt and an answer."
                raise MftError(f"{path}, record {number}: {error}", hint) from error
        return found

    def _from_run(self, request: EvaluationRequest) -> Iterator[tuple[str, str, Record]]:
        if request.records is None:
            raise UsageError(
                f"{self.name} compares with given answers, and none are given",
                f"Name a run, whose validation data has some, or a file: --set eval.{self.name}.data=PATH",
            )
        records = request.records()
        if unknown := sorted(set(self.options.tasks) - records.keys()):
            raise UsageError(f"eval.{self.name}.tasks: the run has no task {unknown[0]!r}", f"It has {sorted(records)}")
        for task, members in records.items():
            if not self.options.tasks or task in self.options.tasks:
                for number, record in enumerate(members):
                    yield f"{task}{PATH_SEPARATOR}{number}", task, record


def _item(task_id: str, group: str, record: Record) -> Item:
    *turns, _ = record.turns
    answer = in_text(record.turns)[-1]
    return Item(task_id, {"turns": _plain(turns), "reference": without_thought(answer.content)}, group)


def _plain(turns: Iterable[Turn]) -> Sequence[Any]:
    return [[turn.role, turn.content] for turn in turns]
