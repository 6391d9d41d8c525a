"""What an evaluator gets by saying only what its set is."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.given_samples import write_completions
from helpers.running import write_rows
from mft_core.errors import UsageError
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.generative import GenerativeEvaluator
from mft_core.evaluation.items import Item, Verdict
from mft_core.evaluation.published_sets import PublishedSet
from mft_core.generation.answering import Prompt
from mft_core.records import Turn


class Riddles(GenerativeEvaluator):
    """The example of the module's documentation."""

    name = "riddles"
    published = PublishedSet(files=("riddles.jsonl",))

    def items(self, request: EvaluationRequest) -> list[Item]:
        return [Item(str(row["id"]), row, row.get("group", "")) for row in self.load()]

    def prompt(self, item: Item) -> Prompt:
        return [Turn("user", item.fields["question"])]

    def judge(self, item: Item, completion: str) -> Verdict:
        return Verdict.of(completion.strip().lower() == item.fields["answer"])


def test_a_class_of_three_methods_is_scored_group_by_group(tmp_path: Path) -> None:
    rows = [{"id": number, "question": "?", "answer": "yes", "group": "hard" * (number > 1)} for number in range(4)]
    riddles = Riddles(Riddles.Options(data=str(write_rows(tmp_path / "riddles.jsonl", rows))))
    riddles.check()
    given = write_completions(tmp_path / "given.jsonl", {"0": " Yes", "1": "no", "2": "yes", "3": "yes"})
    scores = riddles.evaluate(EvaluationRequest(tmp_path / "out", samples_file=given))
    assert {(score.task, score.metric): score.value for score in scores} == {
        ("riddles", "pass@1"): 0.5, ("riddles/hard", "pass@1"): 1.0,
    }  # fmt: skip


def test_a_set_that_is_not_there_is_told_before_a_model_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"eval\.riddles\.data: there is no"):
        Riddles(Riddles.Options(data=str(tmp_path / "nowhere.jsonl"))).check()
