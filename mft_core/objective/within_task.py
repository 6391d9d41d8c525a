"""How tokens and samples count inside a task: L_i, the first axis of the objective.

The other axis, how tasks weigh against each other, is `Loss.task_weights`; the objective is sum_i omega_i L_i.
P_ij and Q_ij are the means over a sample's supervised tokens of p and of log p; P_i and Q_i the means of those over
the task's samples. A sample is never split over micro-batches, so P_ij and Q_ij are always whole.

Where the data has weights w_ijk, a token counts w_ijk times, and a sample W_ij / T_ij times, the mean weight of its
tokens; all means and counts here are taken so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field
from typing_extensions import TypeVar

from mft_core.errors import UsageError
from mft_core.objective.running_mean import RunningMean
from mft_core.recipe.schema import TaskName
from mft_core.records import StepCounts, TaskCounts, TaskLosses, TokenLosses
from mft_core.registry.options import Options
from mft_core.support.suggestions import did_you_mean

if TYPE_CHECKING:
    import torch


class LossOptions(Options):
    """Options every loss has."""

    by: Literal["tokens", "samples"] = Field(
        "tokens", description="what counts equally inside a task: every supervised token, or every sample"
    )
    within: Literal["mean", "focal-sample", "focal-task"] = Field(
        "mean", description="form of a task's own loss: its mean, or the paper's focal losses (by samples)"
    )
    gamma: float = Field(2.0, ge=0, description="focal losses: focusing exponent; 0: none")
    alpha: float | dict[TaskName, float] = Field(
        1.0, description="focal losses: factor of every task, or of some by name"
    )
    statistics: Literal["step", "running"] = Field(
        "step", description="focal-task: P and Q of the whole step (exact; one more forward), or their running means"
    )
    normalize: Literal["expected", "step"] = Field(
        "expected",
        description="divide a step's objective by its expectation (unbiased), or by its own weights (constant scale)",
    )
    exclude: Literal["", "overfit"] = Field(
        "", description="overfit: the task that overfits first leaves, the run goes back to its best model, and so on"
    )
    exclude_patience: int = Field(
        2, ge=1, description="exclude: evaluations after a task's lowest validation loss until it has overfitted"
    )


SomeLossOptions = TypeVar("SomeLossOptions", bound=LossOptions, default=LossOptions, covariant=True)

SMALLEST = 1e-12


class Within(ABC):
    """One form of L_i. Its parts over any partition of an epoch sum to the whole.

    Args:
        counts: the whole training set, which every form is normalised by.
    """

    measures_step_first = False
    """Whether `StepCounts.losses` must be known before the first forward that has gradients."""

    def __init__(self, counts: TaskCounts) -> None:
        self.counts = counts

    @abstractmethod
    def contributions(self, tokens: TokenLosses, step: StepCounts) -> torch.Tensor:
        """[N], differentiable: what one micro-batch adds to each L_i."""

    @abstractmethod
    def share(self, step: StepCounts) -> np.ndarray:
        """float64 [N]: the step's part of each task, by what L_i is normalised by."""

    def end_step(self, training: TaskLosses) -> None:  # noqa: B027 - most forms gather nothing
        """Called after every optimizer step taken, with its training losses."""

    def state_dict(self) -> dict[str, Any]:
        """What `end_step` has gathered, as JSON values."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:  # noqa: B027
        """Take back what `state_dict` gave."""


class ByTokens(Within):
    """L_i = sum_jk -log P_ijk / sum_j T_ij (MFTCoder, equation 1, by tokens)."""

    def contributions(self, tokens: TokenLosses, step: StepCounts) -> torch.Tensor:
        """Each token counts 1 / sum_j T_ij, w_ijk / sum_j W_ij where there are weights."""
        loss = weighted_losses(tokens)
        return _per_task(tokens.task, loss / _of(self.counts.epoch_tokens, loss)[tokens.task], len(self.counts))

    def share(self, step: StepCounts) -> np.ndarray:
        """By supervised tokens."""
        return step.tokens / self.counts.epoch_tokens


class BySamples(Within):
    """L_i = (1 / M_i) sum_j (1 / T_ij) sum_k -log P_ijk (MFTCoder, equation 1, by samples)."""

    def contributions(self, tokens: TokenLosses, step: StepCounts) -> torch.Tensor:
        """Each token counts 1 / (M_i T_ij), w_ijk / (T_ij sum_j W_ij / T_ij) where there are weights."""
        loss = weighted_losses(tokens)
        divisor = _of(self.counts.epoch_samples, loss)[tokens.task] * tokens.sample_tokens
        return _per_task(tokens.task, loss / divisor, len(self.counts))

    def share(self, step: StepCounts) -> np.ndarray:
        """By samples."""
        return step.samples / self.counts.epoch_samples


class FocalBySample(BySamples):
    """L_i = (1 / M_i) sum_j -alpha_i (1 - P_ij)^gamma Q_ij (MFTCoder, equation 2; focal loss, arXiv 1708.02002).

    The gradient flows through the modulating factor too.

    Args:
        gamma: focusing exponent; 0 gives `BySamples` times alpha.
        alpha: float64 [N].
    """

    def __init__(self, counts: TaskCounts, gamma: float, alpha: np.ndarray) -> None:
        super().__init__(counts)
        self._gamma = gamma
        self._alpha = alpha

    def contributions(self, tokens: TokenLosses, step: StepCounts) -> torch.Tensor:
        """Each sample counts alpha_i / M_i."""
        probability, log_probability, task, size = sample_means(tokens)
        focal = -_power(1 - probability, self._gamma) * log_probability
        factor = _of(self._alpha / self.counts.epoch_samples, focal)[task] * size
        return _per_task(task, factor * focal, len(self.counts))


class FocalByTask(BySamples):
    """L_i = -alpha_i (1 - P_i)^gamma Q_i (MFTCoder, equation 3).

    Not additive over samples. What is summed over micro-batches is the surrogate alpha_i [A (-Q_ij) + B P_ij] / M_i
    with A = (1 - P_i)^gamma and B = gamma (1 - P_i)^(gamma - 1) Q_i held constant: it has the gradient of L_i when
    P_i and Q_i are those of the whole step.

    Args:
        gamma, alpha: as in `FocalBySample`.
        exact: P_i and Q_i of the step from a pass without gradients before it; else their running means, without.
    """

    def __init__(self, counts: TaskCounts, gamma: float, alpha: np.ndarray, exact: bool = True) -> None:
        super().__init__(counts)
        self.measures_step_first = exact
        self._gamma = gamma
        self._alpha = alpha
        self._probability = RunningMean(len(counts))
        self._log_probability = RunningMean(len(counts))

    def contributions(self, tokens: TokenLosses, step: StepCounts) -> torch.Tensor:
        """The surrogate; its value is not that of L_i, its gradient is."""
        probability, log_probability, task, size = sample_means(tokens)
        modulation, slope = (_of(factor, probability)[task] for factor in self._factors(step))
        scale = _of(self._alpha / self.counts.epoch_samples, probability)[task] * size
        surrogate = scale * (slope * probability - modulation * log_probability)
        return _per_task(task, surrogate, len(self.counts))

    def _factors(self, step: StepCounts) -> tuple[np.ndarray, np.ndarray]:
        """A and B of every task; A = 1 and B = 0 (no modulation) where nothing is known of it yet."""
        if self.measures_step_first and step.losses is not None:
            probability, log_probability = step.losses.mean_probability(), -step.losses.mean("samples")
        else:
            probability, log_probability = self._probability.value, self._log_probability.value
        known = np.isfinite(probability) & np.isfinite(log_probability)
        rest = np.where(known, np.clip(1 - probability, SMALLEST, 1.0), 1.0)
        slope = self._gamma * rest ** (self._gamma - 1) * np.where(known, log_probability, 0.0)
        return rest**self._gamma, slope

    def end_step(self, training: TaskLosses) -> None:
        """Move the running means on."""
        self._probability.update(training.mean_probability())
        self._log_probability.update(-training.mean("samples"))

    def state_dict(self) -> dict[str, Any]:
        """The running means."""
        return {"p": self._probability.state_dict(), "log_p": self._log_probability.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back the running means."""
        self._probability.load_state_dict(state["p"])
        self._log_probability.load_state_dict(state["log_p"])


def make_within(options: LossOptions, counts: TaskCounts) -> Within:
    """The form of L_i that a loss's options ask for.

    Raises:
        UsageError: `alpha` names a task there is not.
    """
    if options.within == "mean":
        return ByTokens(counts) if options.by == "tokens" else BySamples(counts)
    alpha = _alpha(options.alpha, counts)
    if options.within == "focal-sample":
        return FocalBySample(counts, options.gamma, alpha)
    return FocalByTask(counts, options.gamma, alpha, exact=options.statistics == "step")


def _alpha(alpha: float | Mapping[str, float], counts: TaskCounts) -> np.ndarray:
    """float64 [N]; tasks that are not named have 1."""
    if not isinstance(alpha, Mapping):
        return np.full(len(counts), float(alpha))
    unknown = sorted(alpha.keys() - set(counts.names))
    if unknown:
        raise UsageError(f"[loss] alpha names no task: {unknown[0]!r}", did_you_mean(unknown[0], counts.names))
    return np.array([float(alpha.get(name, 1.0)) for name in counts.names])


def weighted_sum(contributions: torch.Tensor, weights: np.ndarray) -> torch.Tensor:
    """Scalar sum_i weights_i contributions_i; a task of weight 0 adds nothing even where its loss is not finite."""
    omega = _of(weights, contributions)
    return (omega * contributions.masked_fill(omega == 0, 0.0)).sum()


def weighted_losses(tokens: TokenLosses) -> torch.Tensor:
    """[n], differentiable: every token's loss times its weight."""
    return tokens.cross_entropy if tokens.weight is None else tokens.cross_entropy * tokens.weight


def sample_means(tokens: TokenLosses) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """P_ij, Q_ij (differentiable), the task and how much it counts, W_ij / T_ij, of every sample that has tokens here,
    each [samples]."""
    import torch

    loss = tokens.cross_entropy
    samples = int(tokens.sample.max()) + 1 if len(tokens.sample) else 0
    weight, size = 1 / tokens.sample_tokens.to(loss.dtype), loss.new_ones(samples)
    zeros = torch.zeros(samples, dtype=loss.dtype, device=loss.device)
    if tokens.weight is not None:
        total = zeros.index_add(0, tokens.sample, tokens.weight)
        weight = tokens.weight / total[tokens.sample]
        size[tokens.sample] = total[tokens.sample] / tokens.sample_tokens
    probability = zeros.index_add(0, tokens.sample, torch.exp(-loss) * weight)
    log_probability = zeros.index_add(0, tokens.sample, -loss * weight)
    task = torch.full((samples,), -1, dtype=torch.int64, device=loss.device)
    task[tokens.sample] = tokens.task
    present = task >= 0
    return probability[present], log_probability[present], task[present], size[present]


def _power(base: torch.Tensor, exponent: float) -> torch.Tensor:
    """base ** exponent with a finite gradient at base = 0, where an exponent below 1 has none."""
    return base.clamp_min(SMALLEST) ** exponent if exponent else base.new_ones(base.shape)


def _of(values: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.as_tensor(values, dtype=like.dtype, device=like.device)


def _per_task(task: torch.Tensor, values: torch.Tensor, tasks: int) -> torch.Tensor:
    return values.new_zeros(tasks).index_add(0, task, values)
