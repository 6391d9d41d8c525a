"""What a generative evaluation is about: problems, attempts at them, verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PASS, FAIL = "pass", "fail"

NOT_MEASURED = "not_measured"
"""Outcome of an answer that nothing here can score, such as an SQL query whose database is missing."""


@dataclass(frozen=True, slots=True)
class Item:
    """One problem of a set.

    Attributes:
        task_id: as published; unique in the set. Samples refer to it.
        fields: the problem as published.
        group: the part of the set it is scored with, such as a language; "": the set has no parts.
    """

    task_id: str
    fields: Mapping[str, Any]
    group: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge found.

    Attributes:
        outcome: "pass", "fail", another of the sandbox's verdicts, or the evaluator's own word.
        score: 0 to 1; None: "not_measured", or the machine failed, which is tried again and never scored.
        detail: why, for whoever reads verdicts.jsonl.
        facts: what `aggregate` needs beside the score, JSON values only.
    """

    outcome: str
    score: float | None
    detail: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, passed: bool, detail: str = "") -> Verdict:
        """Pass or fail."""
        return cls(PASS if passed else FAIL, float(passed), detail)

    @property
    def final(self) -> bool:
        """Whether judging once more would find the same; `aggregate` sees no others."""
        return self.score is not None or self.outcome == NOT_MEASURED


@dataclass(frozen=True, slots=True)
class Attempt:
    """One completion of one item, to be judged.

    Attributes:
        item: the problem.
        sample: 0 .. samples - 1.
        completion: post-processed.
    """

    item: Item
    sample: int
    completion: str


@dataclass(frozen=True, slots=True)
class Judged:
    """An attempt and what the judge found."""

    attempt: Attempt
    verdict: Verdict
