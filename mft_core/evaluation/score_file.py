"""Scores of several evaluators on disk and as rows, and those of other evaluations beside them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mft_core.errors import UsageError
from mft_core.records import Score
from mft_core.support.durable import write_text

RESULTS = "results.json"


def as_row(score: Score) -> dict[str, Any]:
    """What `--json` prints of a score."""
    return {
        "set": score.task,
        "metric": score.metric,
        "value": score.value if math.isfinite(score.value) else None,
        "n": score.n,
        "interval": list(score.interval) if score.interval else None,
        "protocol": score.protocol,
    }


def as_score(row: Mapping[str, Any]) -> Score:
    """The score that a row of `results.json`, or a "score" event, tells of."""
    interval = row.get("interval")
    best = row.get("best", row.get("details", {}).get("best"))
    return Score(
        str(row.get("set", row.get("task"))),
        str(row["metric"]),
        math.nan if row["value"] is None else float(row["value"]),
        int(row["n"]),
        str(row["protocol"]),
        (float(interval[0]), float(interval[1])) if interval else None,
        {} if best is None else {"best": best},
    )


def write_results(folder: Path, name: str, model: str, scores: Sequence[Score], notices: Sequence[str]) -> None:
    """Record what came out.

    Args:
        folder: of the evaluation.
        name: what was evaluated, as people know it.
        model: fingerprint of its weights; "": given samples.
        notices: what was left out.
    """
    reasons = {score.task: score.details["not_measured"] for score in scores if "not_measured" in score.details}
    facts = {
        "name": name,
        "model": model,
        "results": [as_row(score) | {"best": score.details.get("best")} for score in scores],
        "not_measured": reasons,
        "notices": list(notices),
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / RESULTS, json.dumps(facts, indent=1, ensure_ascii=False))


def read_results(folder: Path) -> dict[str, Any]:
    """What `write_results` wrote.

    Raises:
        UsageError: there is no such file, or it is something else.
    """
    path = folder / RESULTS if folder.is_dir() else folder
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return {"name": str(facts["name"]), "results": list(facts["results"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"--against {folder}: no results of an evaluation there ({error})", "Give the --output of an `mft eval`."
        ) from error
