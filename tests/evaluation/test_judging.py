"""Each completion judged once, each verdict on disk before it counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mft_core.evaluation.answers import WrittenAnswer
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.generative import GenerativeEvaluator
from mft_core.evaluation.items import Item, Verdict
from mft_core.evaluation.judging import Judging
from mft_core.generation.answering import Prompt

ITEMS = [Item(name, {}) for name in "ab"]


class Shaky(GenerativeEvaluator):
    """Fails at "b" until it is told to work."""

    name = "shaky"

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.works = False

    def items(self, request: EvaluationRequest) -> list[Item]:
        return ITEMS

    def prompt(self, item: Item) -> Prompt:
        return ""

    def judge(self, item: Item, completion: str) -> Verdict:
        self.asked.append(item.task_id)
        fails = item.task_id == "b" and not self.works
        return Verdict("infra_error", None) if fails else Verdict.of(completion == item.task_id)


def answers(texts: Sequence[str]) -> list[WrittenAnswer]:
    return [WrittenAnswer(item, 0, text) for item, text in zip(ITEMS, texts, strict=True)]


def judged(evaluator: Shaky, folder: Path, texts: Sequence[str]) -> list[Verdict]:
    judging = Judging(evaluator, lambda answer: answer.text.strip(), folder)
    judging.take(answers(texts))
    assert judging.scores == [one.verdict.score for one in judging.judged if one.verdict.score is not None]
    return [one.verdict for one in judging.judged]


def test_a_final_verdict_is_kept_and_another_is_asked_for_again(tmp_path: Path) -> None:
    evaluator = Shaky()
    assert [verdict.outcome for verdict in judged(evaluator, tmp_path, [" a ", "b"])] == ["pass", "infra_error"]
    evaluator.works = True
    assert [verdict.score for verdict in judged(evaluator, tmp_path, ["a", "b"])] == [1.0, 1.0]
    assert evaluator.asked == ["a", "b", "b"]
    assert [verdict.score for verdict in judged(evaluator, tmp_path, ["a", "b"])] == [1.0, 1.0]
    assert evaluator.asked == ["a", "b", "b"]


def test_another_completion_is_judged_anew(tmp_path: Path) -> None:
    evaluator = Shaky()
    evaluator.works = True
    judged(evaluator, tmp_path, ["a", "b"])
    assert [verdict.score for verdict in judged(evaluator, tmp_path, ["x", "b"])] == [0.0, 1.0]
    assert evaluator.asked == ["a", "b", "a"]
