"""An evaluator that has a model write answers and judges them: a small class says what, `pipeline` does the rest.

    class Riddles(GenerativeEvaluator):
        '''Riddles with one right word.'''

        name = "riddles"
        published = PublishedSet(files=("riddles.jsonl",), hub="me/riddles", hub_file="test.jsonl")

        def items(self, request):
            return [Item(str(row["id"]), row) for row in self.load()]

        def prompt(self, item):
            return [Turn("user", item.fields["question"])]

        def judge(self, item, completion):
            return Verdict.of(completion.strip().lower() == item.fields["answer"])

That has samples, temperature, batches, resumption, samples of others, pass@k with intervals, all files and tables.
Override `post_process`, `judge_many`, `aggregate`, `not_measured` or `check` where the set needs more.
"""

from __future__ import annotations

from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.generative_measure import GenerativeMeasure, SomeGenerativeOptions
from mft_core.evaluation.pipeline import Pipeline
from mft_core.records import Score


class GenerativeEvaluator(GenerativeMeasure[SomeGenerativeOptions]):
    """A measure of what a model writes."""

    def check(self) -> None:
        """Load the set."""
        if self.published is not None or self.options.data:
            self.load()

    def evaluate(self, request: EvaluationRequest) -> list[Score]:
        """Generate, post-process, judge, score; see `pipeline`."""
        return Pipeline(self, request).run()
