"""The table of an evaluation's results: nothing in it is cut, however narrow the terminal or long a reason."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from mft_cli.display import console
from mft_cli.eval_view import print_scores
from mft_core.records import Score

REASON = (
    "node is not installed here; the tests of this language need node 18 or newer with the packages js-md5 and "
    "crypto-js, which npm installs"
)
PROTOCOL = "completion, 0-shot, greedy #1a2b3c4d"
SCORES = [
    Score("humaneval-x/javascript", "pass@1", math.nan, 0, PROTOCOL, details={"not_measured": REASON}),
    Score("humaneval-x/javascript", "pass@10", math.nan, 0, PROTOCOL, details={"not_measured": REASON}),
    Score("humaneval-x/python", "pass@1", 0.341, 164, PROTOCOL, (0.27, 0.42), {"best": 1.0}),
    Score("validation/a-task", "loss", 1.234567, 1000, PROTOCOL),
]


def printed(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    print_scores(console(), SCORES, Path("evaluations/mine"))
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("width", [80, 120])
def test_a_long_reason_takes_no_room_from_the_table(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(width, monkeypatch, capsys)
    assert all(len(line) <= width for line in lines)
    rows = [line.split() for line in lines]
    assert ["humaneval-x/javascript", "pass@1", "-", "-", "0"] in [row[:5] for row in rows]
    assert ["humaneval-x/python", "pass@1", "34.1%", "27.0%", "..", "42.0%", "164"] in [row[:7] for row in rows]
    assert " ".join(" ".join(lines).split()).count(f"humaneval-x/javascript is not measured: {REASON}") == 1


def test_a_narrow_terminal_folds_and_cuts_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(60, monkeypatch, capsys)
    table = lines[: next(number for number, line in enumerate(lines) if "is not measured" in line)]
    start = next(number for number, line in enumerate(table) if "set" in line and "metric" in line) + 2
    edge = table[start].index(" pass@1")
    names = "".join(line[:edge].strip() for line in table[start:])
    assert names == "".join(score.task for score in SCORES)
    assert "…" not in "".join(lines)


def test_of_many_sets_the_lowest_and_the_highest_are_shown_and_all_on_request(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    scores = [
        Score(f"task-{index:03d}", metric, index + offset, 10, PROTOCOL)
        for index in range(300)
        for metric, offset in (("loss", 1.0), ("perplexity", 2.0))
    ]
    print_scores(console(), scores, Path("evaluations/mine"))
    short = capsys.readouterr().out
    assert len(short.splitlines()) < 60
    assert "task-000" in short
    assert "task-299" in short
    assert "task-150" not in short
    assert "552 more scores" in short
    print_scores(console(), scores, Path("evaluations/mine"), all_tasks=True)
    assert "task-150" in capsys.readouterr().out


def test_a_reason_that_many_sets_share_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    scores = [Score(f"s{n}", "loss", math.nan, 0, "", details={"not_measured": "no compiler"}) for n in range(9)]
    print_scores(console(), scores, Path("evaluations/mine"))
    assert capsys.readouterr().out.count("no compiler") == 1
