"""What every evaluator must do: finite, explained scores that depend on the model and the data alone."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from mft_core.batching.packing import OneEach, Packer
from mft_core.errors import MftError
from mft_core.evaluation.evaluator import EvaluationProgress, EvaluationRequest, Evaluator
from mft_core.evaluation.generative import GenerativeEvaluator
from mft_core.evaluation.items import Item
from mft_core.evaluation.pipeline import SAMPLES
from mft_core.nn.token_losses import TokenLossModel
from mft_core.records import Score
from mft_core.support.journal import Journal
from mft_core.testing.components import ComponentTests
from mft_core.testing.contexts import AllTogether, evaluation_context, evaluation_request
from mft_core.testing.random_models import random_token_loss_model
from mft_core.testing.samples import random_table
from mft_core.testing.small_tokenizers import small_tokenizer

TASKS = ("alpha", "empty", "gamma")


class EvaluatorTests(ComponentTests):
    """Inherit, and set `component`; override `model` if the evaluator needs another one."""

    component: ClassVar[type[Evaluator]]

    @pytest.fixture
    def model(self) -> TokenLossModel:
        """In training mode, in float64."""
        return random_token_loss_model(len(small_tokenizer())).train()

    @pytest.fixture(autouse=True)
    def _own_folder(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        self.folders = tmp_path_factory

    def evaluator(self, batch_size: int) -> Evaluator:
        """The evaluator, working on so much at a time, if that is its own choice."""
        return self.build()

    def request(self, model: TokenLossModel, packer: Packer, micro_batch_size: int, **others: Any) -> EvaluationRequest:
        """On three tasks, of which "empty" has no validation data, in a new folder."""
        context = evaluation_context(model, random_table([4, 0, 7]), TASKS, packer, micro_batch_size)
        folder = others.pop("folder", None) or self.folders.mktemp("evaluation")
        return evaluation_request(folder, model, context, small_tokenizer(), **others)

    def evaluate(self, model: TokenLossModel, packer: Packer, micro_batch_size: int, **others: Any) -> list[Score]:
        """Its scores."""
        return self.evaluator(micro_batch_size).evaluate(self.request(model, packer, micro_batch_size, **others))

    def test_it_can_say_beforehand_whether_it_can_work(self) -> None:
        self.evaluator(1).check()

    def test_scores_are_finite_and_say_what_they_rest_on(self, model: TokenLossModel) -> None:
        scores = self.evaluate(model, OneEach(), 2)
        assert scores
        for score in scores:
            assert score.task, score
            assert score.metric, score
            assert score.protocol, score
            if "not_measured" in score.details:
                assert score.n == 0, score
                continue
            assert math.isfinite(score.value), score
            assert score.n > 0, score
            if score.interval:
                assert score.interval[0] <= score.value <= score.interval[1], score
        measured = [(score.task, score.metric, score.protocol) for score in scores]
        assert len(set(measured)) == len(measured)

    def test_a_second_time_gives_the_same_and_the_model_is_left_as_it_was(self, model: TokenLossModel) -> None:
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        assert self.evaluate(model, OneEach(), 2) == self.evaluate(model, OneEach(), 2)
        assert all(module.training for module in model.modules())
        assert all(parameter.grad is None for parameter in model.parameters())
        assert all(tensor.equal(before[name]) for name, tensor in model.state_dict().items())

    def test_batching_changes_nothing(self, model: TokenLossModel) -> None:
        expected = self.evaluate(model, OneEach(), 1)
        for packer, size in ((OneEach(), 3), (OneEach(), 100), (AllTogether(), 1)):
            found = self.evaluate(model, packer, size)
            assert [(score.task, score.metric, score.n) for score in found] == [
                (score.task, score.metric, score.n) for score in expected
            ]
            assert [score.value for score in found] == pytest.approx([score.value for score in expected], rel=1e-9)


class Killed(Exception):  # noqa: N818 - stands for a kill, not for a fault
    """Ends an evaluation in its middle."""


def stop_here(progress: EvaluationProgress) -> None:
    """Raises."""
    raise Killed


class GenerativeEvaluatorTests(EvaluatorTests):
    """Inherit, set `component`, and give `rows`: a small set in the published form, two problems or more.

    Override `wrong` where an empty completion may be right, and `evaluator` where `data` is no JSONL file.
    """

    component: ClassVar[type[GenerativeEvaluator]]
    rows: ClassVar[list[Mapping[str, Any]]]
    wrong: ClassVar[str] = ""
    """A completion that is right for none of the rows."""
    brief: ClassVar[Mapping[str, Any]] = {"max_new_tokens": 8, "limit": 2}
    """Options that keep the tests short."""

    def evaluator(self, batch_size: int, **options: Any) -> GenerativeEvaluator:
        """On `rows`."""
        path = self.folders.mktemp("set") / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in self.rows), encoding="utf-8")
        given = {"data": str(path), "batch_size": batch_size, **self.brief, **self.options, **options}
        return self.component.from_options(given)

    def items(self, evaluator: GenerativeEvaluator) -> list[Item]:
        """All of them."""
        return evaluator.items(EvaluationRequest(self.folders.mktemp("none")))

    def judged(self, completions: Mapping[str, str], **others: Any) -> list[Score]:
        """Scores of given completions by task id."""
        folder = self.folders.mktemp("given")
        lines = [json.dumps({"task_id": key, "completion": text}) + "\n" for key, text in completions.items()]
        (folder / "samples.jsonl").write_text("".join(lines), encoding="utf-8")
        request = EvaluationRequest(folder / "out", samples_file=folder / "samples.jsonl", **others)
        return self.evaluator(1).evaluate(request)

    def test_items_and_prompts_are_there_and_distinct(self) -> None:
        evaluator = self.evaluator(1)
        items = self.items(evaluator)
        assert len({item.task_id for item in items}) == len(items) >= 2
        assert all(evaluator.prompt(item) for item in items)
        assert items == self.items(self.evaluator(2))

    def test_published_solutions_are_right_and_others_are_not(self) -> None:
        evaluator = self.evaluator(1)
        references = {item.task_id: evaluator.reference(item) for item in self.items(evaluator)}
        known = {key: text for key, text in references.items() if text is not None and key not in evaluator.known_bad}
        if not known:
            pytest.skip("the set has no solutions")
        best = {(score.task, score.metric): score.value for score in self.judged(known) if score.n}
        worst = {(score.task, score.metric): score.value for score in self.judged(dict.fromkeys(known, self.wrong))}
        if not best:
            pytest.skip("nothing of it can be measured on this machine")
        for measure, value in best.items():
            assert value > worst[measure], measure
            if measure[1].startswith("pass@"):
                assert (value, worst[measure]) == (1.0, 0.0), measure

    def test_batching_changes_nothing(self, model: TokenLossModel) -> None:
        folders = [self.folders.mktemp("batches") for _ in range(2)]
        one, other = (self.evaluate(model, OneEach(), size, folder=folder) for size, folder in enumerate(folders, 1))
        assert one == other
        written = [sorted(Journal(folder / SAMPLES).records, key=str) for folder in folders]
        assert written[0] == written[1] != []

    def test_an_interrupted_evaluation_goes_on_to_the_same_files(self, model: TokenLossModel) -> None:
        whole, broken = self.folders.mktemp("whole"), self.folders.mktemp("broken")
        expected = self.evaluate(model, OneEach(), 1, folder=whole)
        with pytest.raises(Killed):
            self.evaluate(model, OneEach(), 1, folder=broken, on_progress=stop_here)
        assert (broken / SAMPLES).read_bytes() != (whole / SAMPLES).read_bytes()
        assert self.evaluate(model, OneEach(), 1, folder=broken) == expected
        assert (broken / SAMPLES).read_bytes() == (whole / SAMPLES).read_bytes()

    def test_another_set_in_the_same_folder_is_refused(self, model: TokenLossModel) -> None:
        folder = self.folders.mktemp("shared")
        with pytest.raises(Killed):
            self.evaluate(model, OneEach(), 1, folder=folder, on_progress=stop_here)
        with pytest.raises(MftError, match="holds another evaluation"):
            self.evaluator(1, seed=1).evaluate(self.request(model, OneEach(), 1, folder=folder))
