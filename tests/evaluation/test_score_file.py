"""results.json."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

import pytest

from mft_core.errors import UsageError
from mft_core.evaluation.score_file import RESULTS, as_row, as_score, read_results, write_results
from mft_core.records import Score

GOOD = Score("humaneval", "pass@1", 0.5, 164, "chat #1", (0.4, 0.6), {"best": 1.0})
MISSING = Score("sql", "accuracy", math.nan, 0, "chat #1", details={"not_measured": "no database"})


def test_scores_come_back(tmp_path: Path) -> None:
    write_results(tmp_path / "out", "run", "abc", [GOOD, MISSING], ["left out"])
    facts = json.loads((tmp_path / "out" / RESULTS).read_text(), parse_constant=pytest.fail)
    assert facts["not_measured"] == {"sql": "no database"}
    assert facts["notices"] == ["left out"]
    found = read_results(tmp_path / "out")
    assert found["name"] == "run"
    assert found["results"] == [as_row(GOOD) | {"best": 1.0}, as_row(MISSING) | {"best": None}]
    assert read_results(tmp_path / "out" / RESULTS) == found


def test_a_value_that_is_no_number_is_null() -> None:
    assert (as_row(MISSING)["value"], as_row(MISSING)["interval"]) == (None, None)
    assert (as_row(GOOD)["value"], as_row(GOOD)["interval"]) == (0.5, [0.4, 0.6])


@pytest.mark.parametrize("content", [None, "{", "[]", '{"name": "x"}'])
def test_what_is_no_result_is_wrong_use(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / RESULTS).write_text(content)
    with pytest.raises(UsageError, match="no results of an evaluation there"):
        read_results(tmp_path)


def test_rows_and_events_are_scores_again() -> None:
    score = Score("humaneval", "pass@1", 0.5, 4, "chat #1", (0.25, 0.75), {"best": 1.0})
    assert as_score({**as_row(score), "best": 1.0}) == score
    assert as_score({"event": "score", "step": 3, **asdict(score)}) == score
    unmeasured = as_score(as_row(Score("go", "pass@1", math.nan, 0, "chat #1")))
    assert math.isnan(unmeasured.value)
    assert (unmeasured.interval, unmeasured.details) == (None, {})
