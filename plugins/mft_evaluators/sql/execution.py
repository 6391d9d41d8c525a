"""Whether two queries find the same on a database; the second is untrusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mft_core.evaluation.items import NOT_MEASURED, Verdict
from mft_core.sandbox.sqlite import QueryLimits, QueryResult, run_queries, same_rows
from mft_evaluators.sql.syntax import LONGEST

GOLD_PATIENCE = 3.0
"""So many times the time of an answer a published query may take: a busy machine must not make it look wrong."""
TRIES = 3
LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Comparison:
    """A query to be compared with the published one.

    Attributes:
        gold: the published query.
        answer: the model's.
        ordered: rows must come in the order of the published one.
    """

    gold: str
    answer: str
    ordered: bool


def compare(paths: Sequence[Path], comparisons: Sequence[Comparison], seconds: float) -> list[Verdict]:
    """A verdict for each: pass where both give the same rows on every one of the files.

    A published query that does not run there makes its question "not_measured". Published queries run in a process
    apart from the answers.
    """
    verdicts = [Verdict.of(True)] * len(comparisons)
    for path in paths:
        places = [number for number, verdict in enumerate(verdicts) if verdict.score == 1.0]
        found = _compare_on(path, [comparisons[number] for number in places], seconds)
        for number, verdict in zip(places, found, strict=True):
            verdicts[number] = verdict
    return verdicts


def _compare_on(path: Path, comparisons: Sequence[Comparison], seconds: float) -> list[Verdict]:
    queries = list(dict.fromkeys(one.gold for one in comparisons))
    golds = dict(zip(queries, _run(path, queries, GOLD_PATIENCE * seconds), strict=True))
    runnable = [one for one in comparisons if golds[one.gold].verdict == "pass"]
    answers = iter(_run(path, [one.answer for one in runnable], seconds))
    return [
        _verdict(one, golds[one.gold], next(answers))
        if golds[one.gold].verdict == "pass"
        else _unmeasured(golds[one.gold])
        for one in comparisons
    ]


def _run(path: Path, queries: Sequence[str], seconds: float) -> list[QueryResult]:
    """Results; what the machine failed at is tried again."""
    limits = QueryLimits(seconds=seconds, query_characters=LONGEST)
    results = run_queries(path, queries, limits) if queries else []
    for _ in range(TRIES - 1):
        for number, result in enumerate(results):
            if result.verdict == "infra_error":
                results[number] = run_queries(path, [queries[number]], limits)[0]
    return results


def _verdict(comparison: Comparison, gold: QueryResult, answer: QueryResult) -> Verdict:
    if answer.verdict == "infra_error":
        return Verdict(answer.verdict, None, answer.detail)
    if answer.verdict != "pass":
        return Verdict(answer.verdict, 0.0, answer.detail[:LONGEST_REASON])
    if same_rows(gold, answer, comparison.ordered):
        return Verdict.of(True)
    sizes = [f"{len(result.rows)} rows of {len(result.columns)}" for result in (gold, answer)]
    return Verdict.of(False, f"other rows: expected {sizes[0]}, found {sizes[1]}")


def _unmeasured(gold: QueryResult) -> Verdict:
    reason = f"the published query does not run: {gold.verdict} {gold.detail}".strip()
    return Verdict(NOT_MEASURED, None, reason[:LONGEST_REASON])
