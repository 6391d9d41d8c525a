"""Validation loss and perplexity per task."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mft_core.errors import UsageError
from mft_core.interfaces import Evaluator
from mft_core.records import Score

if TYPE_CHECKING:
    from mft_core.evaluation.evaluator import EvaluationRequest


class ValidationLoss(Evaluator):
    """Mean cross-entropy in nats per supervised token, and its exponential, over each task's validation samples.

    Where the data has weights, each token counts as much as it does in training by tokens. Exact: sums and counts are
    taken over all samples, so batching, packing and ranks change nothing.
    """

    def evaluate(self, request: EvaluationRequest) -> list[Score]:
        """Two scores for each task that has validation data.

        Raises:
            UsageError: there are no tasks to be measured.
        """
        if request.validation is None:
            hint = "Name a run folder, or give a folder of task folders: --data DIR"
            raise UsageError("`loss` is measured on tasks, and a base has none of its own", hint)
        context = request.validation()
        losses = context.losses()
        means = losses.mean()
        counted = "supervised tokens" if losses.weighted_tokens is None else "supervised tokens by their weights"
        return [
            Score(name, metric, value, int(losses.tokens[index]), f"{counted}, teacher forcing")
            for index, name in enumerate(context.names)
            if losses.tokens[index]
            for metric, value in (("loss", float(means[index])), ("perplexity", math.exp(min(means[index], 700))))
        ]
