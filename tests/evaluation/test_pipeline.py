"""The pipeline, with an evaluator of a few lines."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from helpers.given_samples import write_samples
from mft_core.errors import MftError, UsageError
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.generative import GenerativeEvaluator
from mft_core.evaluation.items import Item, Verdict
from mft_core.evaluation.pipeline import Pipeline
from mft_core.generation.answering import Prompt
from mft_core.records import Score


class Echo(GenerativeEvaluator):
    """Is the completion the text of the item? Two groups, one of which this machine cannot measure."""

    name = "echo"
    outcomes: dict[str, Verdict] = {}
    calls: list[str] = []

    def items(self, request: EvaluationRequest) -> list[Item]:
        groups = {"a": "left", "b": "left", "c": "right", "d": "far"}
        return [Item(name, {"text": name}, group) for name, group in groups.items()]

    def prompt(self, item: Item) -> Prompt:
        return str(item.fields["text"])

    def judge(self, item: Item, completion: str) -> Verdict:
        self.calls.append(item.task_id)
        return self.outcomes.get(item.task_id, Verdict.of(completion == item.fields["text"]))

    def not_measured(self) -> dict[str, str]:
        return {"far": "no such tool"}


@pytest.fixture
def echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Score]]:
    """Scores of given completions (task id, text)."""
    monkeypatch.setattr(Echo, "calls", [])
    monkeypatch.setattr(Echo, "outcomes", {})

    def judged(*completions: tuple[str, str], **options: Any) -> list[Score]:
        lines = [{"task_id": task, "completion": text} for task, text in completions]
        path = write_samples(tmp_path / "samples.jsonl", lines)
        notices: list[str] = []
        request = EvaluationRequest(tmp_path / "out", samples_file=path, on_notice=notices.append)
        scores = Echo(Echo.Options(**options)).evaluate(request)
        assert json.loads((tmp_path / "out" / "scores.json").read_text())["notices"] == [
            notice.removeprefix("echo: ") for notice in notices
        ]
        return scores

    return judged


def values(scores: Sequence[Score]) -> dict[tuple[str, str], tuple[float, int]]:
    return {(score.task, score.metric): (score.value, score.n) for score in scores if score.n}


def test_groups_are_scored_apart_and_what_cannot_be_measured_is_said(echo: Callable[..., list[Score]]) -> None:
    scores = echo(("a", "a"), ("b", "x"), ("c", "c"), ("d", "d"))
    assert values(scores) == {("echo/left", "pass@1"): (0.5, 2), ("echo/right", "pass@1"): (1.0, 1)}
    (missing,) = [score for score in scores if not score.n]
    assert (missing.task, missing.details) == ("echo/far", {"not_measured": "no such tool"})
    assert math.isnan(missing.value)
    assert Echo.calls == ["a", "b", "c"]


def test_pass_at_k_needs_k_samples_of_every_problem(echo: Callable[..., list[Score]]) -> None:
    scores = echo(*[("a", "a" if number < 3 else "x") for number in range(10)], *[("b", "x")] * 12, ("c", "c"))
    found = values(scores)
    assert found["echo/left", "pass@1"] == (pytest.approx(0.15), 2)
    assert found["echo/left", "pass@10"] == (pytest.approx(0.5), 2)
    assert ("echo/left", "pass@100") not in found
    assert ("echo/right", "pass@10") not in found


def test_what_the_machine_failed_at_is_not_scored_and_tried_again(echo: Callable[..., list[Score]]) -> None:
    Echo.outcomes["b"] = Verdict("infra_error", None, "no memory")
    assert values(echo(("a", "a"), ("b", "x"), ("c", "x")))["echo/left", "pass@1"] == (1.0, 1)
    assert Echo.calls == ["a", "b", "c"]
    Echo.outcomes.clear()
    assert values(echo(("a", "a"), ("b", "x"), ("c", "x")))["echo/left", "pass@1"] == (0.5, 2)
    assert Echo.calls == ["a", "b", "c", "b"]


def test_only_machine_failures_are_an_error(echo: Callable[..., list[Score]]) -> None:
    Echo.outcomes["a"] = Verdict("infra_error", None)
    with pytest.raises(MftError, match="not one sample could be judged"):
        echo(("a", "a"))


def test_nothing_is_judged_where_nothing_can_be_measured(
    echo: Callable[..., list[Score]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Echo, "not_measured", lambda self: dict.fromkeys(("left", "right", "far"), "no tools"))
    scores = echo(("a", "a"))
    assert [(score.task, score.n) for score in scores] == [("echo/left", 0), ("echo/right", 0), ("echo/far", 0)]
    assert Echo.calls == []


def test_a_limit_is_per_group_and_shown_in_n(echo: Callable[..., list[Score]]) -> None:
    found = values(echo(("a", "a"), ("b", "b"), ("c", "c"), limit=1))
    assert found == {("echo/left", "pass@1"): (1.0, 1), ("echo/right", "pass@1"): (1.0, 1)}


def test_neither_model_nor_samples_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs a model or a --samples-file"):
        Pipeline(Echo(), EvaluationRequest(tmp_path)).run()


def test_task_ids_are_unique(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Echo, "items", lambda self, request: [Item("a", {}), Item("a", {})])
    with pytest.raises(MftError, match="1 task ids more than once, such as 'a'"):
        Pipeline(Echo(), EvaluationRequest(tmp_path))


class Picky(Echo):
    """Has post-processing that some answers break."""

    def post_process(self, item: Item, text: str) -> str:
        if text == "deep":
            raise RecursionError
        return text.strip()


def test_answers_too_long_or_odd_for_post_processing_are_judged_as_they_stand(tmp_path: Path) -> None:
    lines = [
        {"task_id": task, "completion": text} for task, text in (("a", " a "), ("b", "deep"), ("c", " " * 100_001))
    ]
    path = write_samples(tmp_path / "samples.jsonl", lines)
    notices: list[str] = []
    request = EvaluationRequest(
        tmp_path / "out", samples_file=path, post_process_samples=True, on_notice=notices.append
    )
    scores = Picky(Picky.Options()).evaluate(request)
    assert values(scores) == {("echo/left", "pass@1"): (0.5, 2), ("echo/right", "pass@1"): (0.0, 1)}
    completions = [json.loads(line) for line in (tmp_path / "out" / "completions.jsonl").read_text().splitlines()]
    assert {line["task_id"]: len(line["completion"]) for line in completions} == {"a": 1, "b": 4, "c": 100_001}
    assert "echo: 1 answers are longer than 100,000 characters, and are judged as they stand" in notices
    assert "echo: 1 answers are too odd to be post-processed (RecursionError), and are judged as they stand" in notices
