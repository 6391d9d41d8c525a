"""Samples: written by the model in batches and journalled, or read from somebody's file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_core.data.jsonl import read_lines
from mft_core.errors import MftError, UsageError
from mft_core.generation.answering import Answer, Answerer, AskedPrompt, Prompt, Sampling
from mft_core.support.journal import Journal

if TYPE_CHECKING:
    from mft_core.evaluation.items import Item

SHOWN_IDS = 5


@dataclass(frozen=True, slots=True)
class WrittenAnswer:
    """One answer of a model to one item: a sample, in the words of the command line and of files.

    Attributes:
        item: the problem.
        number: 0 .. samples - 1.
        text: as the model wrote it.
    """

    item: Item
    number: int
    text: str


@dataclass(frozen=True, slots=True)
class AnswerToWrite:
    """One answer to be written: the item's number, the sample's, and the prompt."""

    item: Item
    number: int
    prompt: Prompt
    length: int


def sample_seed(seed: int, task_id: str, number: int) -> tuple[int, int]:
    """Of one sample's drawing: no two samples share it, and no other item of the set bears on it."""
    digest = blake2b(f"{task_id}\0{number}".encode(), digest_size=8).digest()
    return (seed, int.from_bytes(digest, "little"))


class Writer:
    """Has a model answer items, in batches that depend on the items alone.

    A batch of which anything is missing in the journal is written anew as a whole: it then rounds as it would have
    without the interruption, so that the result is the same bit by bit.

    Args:
        answerer: the model.
        journal: of finished samples.
        sampling: its `seed` is the evaluation's.
        batch_size: answers written at the same time on each rank.
    """

    def __init__(self, answerer: Answerer, journal: Journal, sampling: Sampling, batch_size: int) -> None:
        self._answerer = answerer
        self._journal = journal
        self._sampling = sampling
        self._batch_size = batch_size
        self.too_long: list[str] = []
        """Task ids whose prompt leaves no room in the model's context; their answers are empty."""

    def batches(self, prompts: Sequence[tuple[Item, Prompt]], samples: int) -> Iterator[list[WrittenAnswer]]:
        """All samples, longest prompts first, a batch as soon as it is in the journal."""
        wanted = [
            AnswerToWrite(item, number, prompt, length)
            for item, prompt, length in [(it, prompt, self._answerer.length(prompt)) for it, prompt in prompts]
            for number in range(samples)
        ]
        wanted.sort(key=lambda one: (-one.length, one.item.task_id, one.number))
        batches = [wanted[start : start + self._batch_size] for start in range(0, len(wanted), self._batch_size)]
        written = {(record["task_id"], record["sample"]): record["text"] for record in self._journal.records}
        self._note_too_long(self._journal.records)
        for batch in self._in_turn(batches, written):
            yield [WrittenAnswer(one.item, one.number, written[one.item.task_id, one.number]) for one in batch]

    def _in_turn(
        self, batches: list[list[AnswerToWrite]], written: dict[tuple[str, int], str]
    ) -> Iterator[list[AnswerToWrite]]:
        """Every batch, once its samples are in `written`; as many are written at a time as there are ranks."""
        from mft_core.support.ranks import gather, rank_and_ranks

        missing = [batch for batch in batches if any((one.item.task_id, one.number) not in written for one in batch)]
        yield from (batch for batch in batches if batch not in missing)
        rank, ranks = rank_and_ranks()
        rounds = [missing[start : start + ranks] for start in range(0, len(missing), ranks)]
        # With sharded weights every rank must take part: one without a batch of its own repeats the last.
        own = self._write([together[min(rank, len(together) - 1)] for together in rounds])
        for together, mine in zip(rounds, own, strict=True):
            for batch, lines in zip(together, gather(mine)[: len(together)], strict=True):
                new = [line for line in lines if (line["task_id"], line["sample"]) not in written]
                if rank == 0:
                    self._journal.append(new)
                self._note_too_long(new)
                written.update({(line["task_id"], line["sample"]): line["text"] for line in new})
                yield batch

    def _write(self, batches: list[list[AnswerToWrite]]) -> Iterator[list[dict[str, Any]]]:
        """The journal's lines of every batch, once it is written."""
        questions = [
            [AskedPrompt(one.prompt, sample_seed(self._sampling.seed, one.item.task_id, one.number)) for one in batch]
            for batch in batches
        ]
        for batch, answers in zip(batches, self._answers(questions), strict=True):
            yield [_line(*pair) for pair in zip(batch, answers, strict=True)]

    def _answers(self, questions: list[list[AskedPrompt]]) -> Iterator[list[Answer]]:
        import torch

        try:
            yield from self._answerer.answer_batches(questions, self._sampling)
        except torch.OutOfMemoryError as error:
            raise MftError(
                f"The device's memory does not hold {self._batch_size} answers at a time.",
                "Lower the evaluator's batch_size (--set eval.NAME.batch_size=N), with another --output.",
            ) from error

    def _note_too_long(self, records: Sequence[dict[str, Any]]) -> None:
        self.too_long += [str(record["task_id"]) for record in records if not record["new_tokens"]]


def all_alike(records: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the samples of each problem are one text."""
    texts: dict[str, str] = {}
    return all(texts.setdefault(record["task_id"], record["text"]) == record["text"] for record in records)


def _line(asked: AnswerToWrite, answer: Answer) -> dict[str, Any]:
    return {
        "task_id": asked.item.task_id,
        "sample": asked.number,
        "text": answer.text,
        "prompt_tokens": answer.prompt_tokens,
        "new_tokens": answer.new_tokens,
        "finished": answer.finished,
    }


@dataclass(frozen=True, slots=True)
class GivenAnswers:
    """What a samples file holds for some items.

    Attributes:
        samples: of the items asked for, in the items' order, then the file's.
        missing: ids of items without a sample.
        unknown: ids in the file that are none of the set's, with how many lines have each.
    """

    samples: list[WrittenAnswer]
    missing: list[str]
    unknown: Counter[str]

    def notices(self) -> list[str]:
        """What was left out, in words."""
        told = []
        if self.missing:
            told.append(
                f"{len(self.missing)} problems have no sample in the file and are not scored{_some(self.missing)}"
            )
        if self.unknown:
            lines = sum(self.unknown.values())
            told.append(f"{lines} samples have a task_id that the set has not{_some(list(self.unknown))}")
        return told


def read_given(path: Path, items: Sequence[Item], known: Sequence[str]) -> GivenAnswers:
    """Samples in a file of {"task_id", "completion"} lines; several lines of one task_id are several samples.

    Args:
        path: .jsonl or .jsonl.gz.
        items: those to be judged.
        known: ids of the whole set, of which `items` may be a part.

    Raises:
        UsageError: the file is not there, or has no sample for any of the items.
        MftError: a line is no such object; with its number.
    """
    if not path.is_file():
        raise UsageError(f"--samples-file: there is no {path}", 'One {"task_id": ..., "completion": ...} a line.')
    by_id: dict[str, list[str]] = {}
    for number, line in read_lines(path):
        task_id, completion = _parse(line, f"{path}:{number}")
        by_id.setdefault(task_id, []).append(completion)
    samples = [
        WrittenAnswer(item, number, text) for item in items for number, text in enumerate(by_id.get(item.task_id, ()))
    ]
    ids = set(known)
    unknown = Counter({task_id: len(texts) for task_id, texts in by_id.items() if task_id not in ids})
    if not samples:
        raise UsageError(
            f"{path} has no sample for any of the {len(items)} problems{_some(list(by_id))}",
            f"The set's ids look like {known[0]!r}." if known else "",
        )
    return GivenAnswers(samples, [item.task_id for item in items if item.task_id not in by_id], unknown)


def _parse(line: bytes, where: str) -> tuple[str, str]:
    hint = 'Each line must be {"task_id": "...", "completion": "..."}.'
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise MftError(f"{where} is no JSON: {error}", hint) from error
    if not isinstance(record, dict) or not isinstance(record.get("task_id"), (str, int)):
        raise MftError(f"{where} has no task_id.", hint)
    if not isinstance(record.get("completion"), str):
        raise MftError(f"{where}: its completion is not a text.", hint)
    return str(record["task_id"]), record["completion"]


def _some(ids: Sequence[str]) -> str:
    shown = ", ".join(ids[:SHOWN_IDS])
    return f": {shown}{', ...' if len(ids) > SHOWN_IDS else ''}" if ids else ""
