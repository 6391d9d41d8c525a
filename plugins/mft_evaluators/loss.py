"""Validation loss and perplexity per task."""

from __future__ import annotations

import math

from mft_core.evaluation import EvaluationContext
from mft_core.interfaces import Evaluator
from mft_core.records import Score


class ValidationLoss(Evaluator):
    """Mean cross-entropy in nats per supervised token, and its exponential, over each task's validation samples.

    Exact: sums and counts are taken over all samples, so batching, packing and ranks change nothing.
    """

    def evaluate(self, context: EvaluationContext) -> list[Score]:
        """Two scores for each task that has validation data."""
        losses = context.losses()
        means = losses.mean()
        return [
            Score(name, metric, value, int(losses.tokens[index]), "supervised tokens, teacher forcing")
            for index, name in enumerate(context.names)
            if losses.tokens[index]
            for metric, value in (("loss", float(means[index])), ("perplexity", math.exp(min(means[index], 700))))
        ]
