"""Completions and their verdicts: each judged once, each on disk before it counts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mft_core.evaluation.answers import WrittenAnswer
from mft_core.evaluation.generative_measure import GenerativeMeasure
from mft_core.evaluation.items import Attempt, Judged, Verdict
from mft_core.support.journal import Journal
from mft_core.support.redact import redacted

COMPLETIONS, VERDICTS = "completions.jsonl", "verdicts.jsonl"

Complete = Callable[[WrittenAnswer], str]


class Judging:
    """Post-processes and judges samples as they come.

    A verdict that is not final is not kept: the next evaluation in the folder tries again.

    Args:
        evaluator: has the judge.
        complete: a sample's completion.
        folder: for completions.jsonl and verdicts.jsonl.

    Attributes:
        judged: all attempts so far, in the order of their coming.
    """

    def __init__(self, evaluator: GenerativeMeasure, complete: Complete, folder: Path) -> None:
        self.judged: list[Judged] = []
        self._evaluator = evaluator
        self._complete = complete
        self._completions = Journal(folder / COMPLETIONS)
        self._verdicts = Journal(folder / VERDICTS)
        self._kept = {(line["task_id"], line["sample"]): line["completion"] for line in self._completions.records}
        self._known = {
            (line["task_id"], line["sample"], line["completion_digest"]): _verdict(line)
            for line in self._verdicts.records
        }

    def take(self, samples: Sequence[WrittenAnswer]) -> None:
        """Judge what has no verdict yet.

        Raises:
            MftError: nothing can be judged here, such as code without a sandbox.
        """
        attempts = [Attempt(it.item, it.number, self._complete(it)) for it in samples]
        self._completions.append(
            {"task_id": it.item.task_id, "sample": it.sample, "completion": it.completion}
            for it in attempts
            if self._kept.get((it.item.task_id, it.sample)) != it.completion
        )
        waiting = [attempt for attempt in attempts if _key(attempt) not in self._known]
        for attempt, verdict in zip(waiting, self._evaluator.judge_many(waiting), strict=True):
            if verdict.final:
                self._verdicts.append([_line(attempt, verdict)])
            self._known[_key(attempt)] = verdict
        self.judged += [Judged(attempt, self._known[_key(attempt)]) for attempt in attempts]

    @property
    def scores(self) -> list[float]:
        """Of all that was judged."""
        return [one.verdict.score for one in self.judged if one.verdict.score is not None]


def _key(attempt: Attempt) -> tuple[str, int, str]:
    digest = hashlib.sha256(attempt.completion.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return attempt.item.task_id, attempt.sample, digest


def _line(attempt: Attempt, verdict: Verdict) -> dict[str, Any]:
    task_id, sample, digest = _key(attempt)
    return {"task_id": task_id, "sample": sample, **redacted(asdict(verdict)), "completion_digest": digest}


def _verdict(line: dict[str, Any]) -> Verdict:
    return Verdict(line["outcome"], line["score"], line["detail"], line["facts"])
