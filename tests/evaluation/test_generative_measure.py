"""What an author need not say: stop strings, order of verdicts, titles, the protocol."""

from __future__ import annotations

import pydantic
import pytest

from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.generative_measure import GenerativeMeasure, GenerativeOptions
from mft_core.evaluation.items import Attempt, Item, Judged, Verdict
from mft_core.generation.answering import Prompt


class Words(GenerativeMeasure):
    name = "words"

    def items(self, request: EvaluationRequest) -> list[Item]:
        return []

    def prompt(self, item: Item) -> Prompt:
        return ""

    def judge(self, item: Item, completion: str) -> Verdict:
        return Verdict.of(completion == item.task_id)

    def stop_strings(self) -> tuple[str, ...]:
        return ("END", "\n")

    def evaluate(self, request: EvaluationRequest) -> list:
        return []


def test_an_answer_ends_before_the_first_stop_string() -> None:
    words = Words()
    assert words.post_process(Item("a", {}), "one\ntwo END") == "one"
    assert words.describe().stop == ("END", "\n")
    assert words.reference(Item("a", {})) is None


def test_verdicts_and_scores_belong_to_their_attempts() -> None:
    words = Words()
    attempts = [Attempt(Item("a", {}, "first"), number, text) for number, text in enumerate(("a", "x", "a"))]
    verdicts = list(words.judge_many(attempts))
    assert [verdict.score for verdict in verdicts] == [1.0, 0.0, 1.0]
    judged = [Judged(attempt, verdict) for attempt, verdict in zip(attempts, verdicts, strict=True)]
    (score,) = words.aggregate(judged, "protocol")
    assert (score.task, score.metric, score.value, score.n) == ("words/first", "pass@1", pytest.approx(2 / 3), 1)
    assert words.title("") == "words"


@pytest.mark.parametrize("wrong", [{"samples": 0}, {"temperature": -1}, {"batch_size": 0}, {"limit": -1}])
def test_options_have_their_bounds(wrong: dict[str, float]) -> None:
    with pytest.raises(pydantic.ValidationError):
        GenerativeOptions.model_validate(wrong)
