"""The evaluator on given data."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.items import Attempt, Item, Verdict
from mft_core.records import Score
from mft_evaluators.text2sql import Text2Sql


def evaluator(data: Path, **options: Any) -> Text2Sql:
    return Text2Sql(Text2Sql.Options.model_validate({"data": str(data), **options}))


def items(one: Text2Sql, folder: Path) -> dict[str, Item]:
    return {item.task_id: item for item in one.items(EvaluationRequest(folder))}


def scores(one: Text2Sql, folder: Path, completions: Iterable[tuple[str, str]]) -> dict[str, Score]:
    """By metric, of given completions."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "samples.jsonl"
    path.write_text("".join(json.dumps({"task_id": key, "completion": text}) + "\n" for key, text in completions))
    found = one.evaluate(EvaluationRequest(folder / "out", samples_file=path))
    assert len({score.task for score in found}) == 1
    return {score.metric: score for score in found}


def outcomes(one: Text2Sql, item: Item, queries: Iterable[str]) -> list[Verdict]:
    return list(one.judge_many([Attempt(item, 0, query) for query in queries]))
