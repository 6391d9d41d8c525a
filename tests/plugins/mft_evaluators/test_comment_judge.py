"""Win rates by a judge: both orders, what counts as unknown, and what a judge that fails does not change."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from helpers import fake_endpoint as fake
from helpers.fake_endpoint import FakeEndpoint, reply, says
from mft_core.errors import MftError, UsageError
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.records import Score
from mft_evaluators.comment_judge import CommentJudge

PAIRS = [
    {"id": f"c{number}", "prompt": f"Comment this code: x = {number}", "response": f"Sets x to {number}."}
    for number in range(4)
]
LONG, SHORT = "Sets the variable x, as one may need it.", "Sets x."


@pytest.fixture
def server() -> Iterator[FakeEndpoint]:
    with fake.fake_endpoint(fake.judge) as running:
        yield running


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in PAIRS))
    return path


def judged(
    server: FakeEndpoint, pairs: Path, folder: Path, completions: Mapping[str, str], **options: Any
) -> dict[str, Score]:
    """Scores by metric."""
    given = {"data": str(pairs), "endpoint": server.url, "judge": "judge-1", "first_pause": 0.0, "tries": 3, **options}
    evaluator = CommentJudge(CommentJudge.Options.model_validate(given))
    evaluator.check()
    folder.mkdir(exist_ok=True)
    lines = [json.dumps({"task_id": key, "completion": text}) + "\n" for key, text in completions.items()]
    (folder / "samples.jsonl").write_text("".join(lines))
    found = evaluator.evaluate(EvaluationRequest(folder / "out", samples_file=folder / "samples.jsonl"))
    return {score.metric: score for score in found}


def rates(found: Mapping[str, Score]) -> list[float]:
    return [found[name].value for name in ("win rate", "loss rate", "unknown rate", "orders agree")]


def test_a_better_comment_wins_in_both_orders(server: FakeEndpoint, pairs: Path, tmp_path: Path) -> None:
    found = judged(server, pairs, tmp_path / "a", {"c0": LONG, "c1": LONG, "c2": LONG, "c3": SHORT})
    assert rates(found) == [0.75, 0.25, 0.0, 1.0]
    assert {score.n for score in found.values()} == {4}
    seen = [json.loads(body["messages"][1]["content"]) for body in server.requests]
    assert len(seen) == 8
    assert sum(pair["answer_a"] == LONG for pair in seen) == sum(pair["answer_b"] == LONG for pair in seen) == 3
    protocols = {score.protocol for score in found.values()}
    assert len(protocols) == 1
    assert "judged by judge-1 against references" in protocols.pop()


def test_a_judge_that_prefers_a_place_gives_nobody_an_advantage(
    server: FakeEndpoint, pairs: Path, tmp_path: Path
) -> None:
    server.otherwise = says(reply("A"))
    found = judged(server, pairs, tmp_path / "a", dict.fromkeys(("c0", "c1"), LONG))
    assert rates(found) == [0.5, 0.5, 0.0, 0.0]


UNDECIDED = {
    "says so": says(reply("Hard to tell.\nUNKNOWN")),
    "no verdict": says(reply("Both are fine, A and B alike.")),
    "verdict elsewhere": says(reply("A\nBut then again, no.")),
    "cut off": says(reply("A", "length")),
    "filtered": says(reply("", "content_filter")),
}


@pytest.mark.parametrize("name", UNDECIDED)
def test_what_names_no_side_is_unknown(name: str, server: FakeEndpoint, pairs: Path, tmp_path: Path) -> None:
    server.otherwise = UNDECIDED[name]
    assert rates(judged(server, pairs, tmp_path / "a", {"c0": LONG})) == [0.0, 0.0, 1.0, 1.0]
    assert len(server.requests) == 2


def test_equal_and_empty_texts_are_not_asked_about(server: FakeEndpoint, pairs: Path, tmp_path: Path) -> None:
    found = judged(server, pairs, tmp_path / "a", {"c0": " Sets x to 0.\n", "c1": " "})
    assert rates(found) == [0.0, 0.5, 0.5, 1.0]
    assert server.requests == []


def test_another_run_s_completions_are_the_baseline(server: FakeEndpoint, pairs: Path, tmp_path: Path) -> None:
    baseline = tmp_path / "completions.jsonl"
    baseline.write_text("".join(json.dumps({"task_id": key, "completion": LONG}) + "\n" for key in ("c0", "c1")))
    found = judged(server, pairs, tmp_path / "a", {"c0": SHORT, "c1": LONG + LONG}, baseline=str(baseline))
    assert rates(found) == [0.5, 0.5, 0.0, 1.0]
    assert "against a baseline" in found["win rate"].protocol
    with pytest.raises(UsageError, match="there is no"):
        judged(server, pairs, tmp_path / "b", {"c0": SHORT}, baseline=str(tmp_path / "none"))
    baseline.write_text('{"task_id": "c0"}\n')
    with pytest.raises(MftError, match=r"completions\.jsonl:1 is no completion"):
        judged(server, pairs, tmp_path / "b", {"c0": SHORT}, baseline=str(baseline))


def test_a_judge_must_be_named_and_is_part_of_the_protocol(server: FakeEndpoint, pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="which model judges"):
        judged(server, pairs, tmp_path / "a", {"c0": SHORT}, judge="")
    one, other = (judged(server, pairs, tmp_path / name, {"c0": SHORT}, judge=name) for name in ("x", "y"))
    assert one["win rate"].protocol != other["win rate"].protocol
    assert one["win rate"].protocol.endswith("served by judge-1")


def test_a_judge_that_fails_now_and_then_changes_nothing(server: FakeEndpoint, pairs: Path, tmp_path: Path) -> None:
    completions = {"c0": LONG, "c1": SHORT, "c2": LONG}
    expected = judged(server, pairs, tmp_path / "a", completions)
    server.plan = [
        says("busy", 429, Retry_After="0"),
        says("oops", 500),
        says('{"error": {"message": "x"}}'),
        fake.reset,
        fake.cut_short,
        says("<html>"),
    ]
    assert judged(server, pairs, tmp_path / "b", completions, tries=8) == expected


def test_what_could_not_be_asked_is_not_scored_and_asked_at_the_next_run(
    server: FakeEndpoint, pairs: Path, tmp_path: Path
) -> None:
    server.plan = [says("oops", 500)] * 2
    first = judged(server, pairs, tmp_path / "a", {"c0": LONG, "c1": SHORT}, tries=2, workers=1)
    assert first["win rate"].n == 1
    asked = len(server.requests)
    again = judged(server, pairs, tmp_path / "a", {"c0": LONG, "c1": SHORT}, tries=2, workers=1)
    assert rates(again) == [0.5, 0.5, 0.0, 1.0]
    assert len(server.requests) == asked + 2


def test_a_refused_question_is_not_measured(server: FakeEndpoint, pairs: Path, tmp_path: Path) -> None:
    server.otherwise = says('{"error": {"message": "prompt too long"}}', 400)
    found = judged(server, pairs, tmp_path / "a", {"c0": LONG})
    assert list(found) == ["win rate"]
    assert "prompt too long" in str(found["win rate"].details["not_measured"])


def test_no_quota_stops_and_keeps_what_was_answered(server: FakeEndpoint, pairs: Path, tmp_path: Path) -> None:
    quota = says('{"error": {"message": "no money", "code": "insufficient_quota"}}', 429)
    server.plan = [fake.judge, fake.judge, fake.judge, quota]
    completions = {"c0": LONG, "c1": LONG, "c2": SHORT}
    with pytest.raises(MftError, match="no quota left: no money"):
        judged(server, pairs, tmp_path / "a", completions, workers=1)
    assert len(server.requests) == 4
    assert rates(judged(server, pairs, tmp_path / "a", completions, workers=1)) == pytest.approx([2 / 3, 1 / 3, 0, 1])
    assert len(server.requests) == 4 + 3


JUDGE = """
import json
import sys
from pathlib import Path
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_evaluators.comment_judge import CommentJudge
evaluator = CommentJudge(CommentJudge.Options.model_validate(json.loads(sys.argv[1])))
evaluator.evaluate(EvaluationRequest(Path(sys.argv[2]) / "out", samples_file=Path(sys.argv[2]) / "samples.jsonl"))
"""


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_to_the_same_and_pays_nothing_twice(
    server: FakeEndpoint, pairs: Path, tmp_path: Path
) -> None:
    """A response under way when it is killed may be asked for again: one, with one worker."""
    texts = {"c0": LONG, "c1": SHORT, "c2": LONG, "c3": SHORT}
    expected = judged(server, pairs, tmp_path / "whole", texts, workers=1)
    server.requests.clear()
    server.hits.clear()
    (tmp_path / "broken").mkdir()
    samples = (tmp_path / "whole" / "samples.jsonl").read_bytes()
    (tmp_path / "broken" / "samples.jsonl").write_bytes(samples)
    options = {"data": str(pairs), "endpoint": server.url, "judge": "judge-1", "workers": 1}
    server.plan = [fake.judge, fake.judge, fake.judge, fake.hang]
    command = [sys.executable, "-c", JUDGE, json.dumps(options), str(tmp_path / "broken")]
    with subprocess.Popen(command) as process:
        while len(server.requests) < 4 and process.poll() is None:
            server.released.wait(0.02)
        os.kill(process.pid, signal.SIGKILL)
    assert judged(server, pairs, tmp_path / "broken", texts, workers=1) == expected
    verdicts = [(tmp_path / name / "out" / "verdicts.jsonl").read_bytes() for name in ("whole", "broken")]
    assert verdicts[0] == verdicts[1]
    assert sorted(server.hits.values()) == [1] * 7 + [2]
