"""What every evaluator must do: finite, explained scores that depend on the model and the data alone."""

from __future__ import annotations

import math
from typing import ClassVar

import pytest

from mft_core.interfaces import Evaluator, Packer
from mft_core.lm_loss import TokenLossModel
from mft_core.records import Score
from mft_core.testing.components import ComponentTests
from mft_core.testing.contexts import AllTogether, OneEach, evaluation_context
from mft_core.testing.random_models import random_token_loss_model
from mft_core.testing.samples import random_table


class EvaluatorTests(ComponentTests):
    """Inherit, and set `component`; override `model` if the evaluator needs another one."""

    component: ClassVar[type[Evaluator]]

    @pytest.fixture
    def model(self) -> TokenLossModel:
        """In training mode, in float64."""
        return random_token_loss_model().train()

    def evaluate(self, model: TokenLossModel, packer: Packer, micro_batch_size: int) -> list[Score]:
        """Scores on three tasks, of which "empty" has no validation data."""
        context = evaluation_context(
            model, random_table([4, 0, 7]), ("alpha", "empty", "gamma"), packer, micro_batch_size
        )
        return self.build().evaluate(context)

    def test_scores_are_finite_and_say_what_they_rest_on(self, model: TokenLossModel) -> None:
        scores = self.evaluate(model, OneEach(), 2)
        assert scores
        for score in scores:
            assert math.isfinite(score.value), score
            assert score.n > 0, score
            assert score.task, score
            assert score.metric, score
            assert score.protocol, score
        measured = [(score.task, score.metric, score.protocol) for score in scores]
        assert len(set(measured)) == len(measured)

    def test_a_second_time_gives_the_same(self, model: TokenLossModel) -> None:
        assert self.evaluate(model, OneEach(), 2) == self.evaluate(model, OneEach(), 2)

    def test_batching_changes_nothing(self, model: TokenLossModel) -> None:
        expected = self.evaluate(model, OneEach(), 1)
        for packer, size in ((OneEach(), 3), (OneEach(), 100), (AllTogether(), 1)):
            found = self.evaluate(model, packer, size)
            assert [(score.task, score.metric, score.n) for score in found] == [
                (score.task, score.metric, score.n) for score in expected
            ]
            assert [score.value for score in found] == pytest.approx([score.value for score in expected], rel=1e-9)

    def test_the_model_is_left_as_it_was(self, model: TokenLossModel) -> None:
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        self.evaluate(model, OneEach(), 2)
        assert model.training
        assert all(parameter.grad is None for parameter in model.parameters())
        assert all(tensor.equal(before[name]) for name, tensor in model.state_dict().items())
