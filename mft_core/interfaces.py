"""What a plugin may be: ModelAdapter, Base, Source, Tokenization, Packer, Loss, Evaluator.

Every component class is built as `Class(options)`, where `options` is an instance of the class's own
`Options` declaration, validated from the recipe. Heavy libraries are imported inside methods.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from mft_core.model_adapter import ModelAdapter
from mft_core.options import Configurable, Options
from mft_core.records import (
    PackedRows,
    Record,
    Sample,
    Score,
    StepCounts,
    TaskCounts,
    TaskFiles,
    TaskLosses,
    TokenLosses,
    Turn,
)
from mft_core.within import Within, make_within, weighted_sum

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

    from mft_core.evaluating.request import EvaluationRequest

__all__ = [
    "Base",
    "BaseRequest",
    "Configurable",
    "DataRequest",
    "Evaluator",
    "Loss",
    "LossOptions",
    "ModelAdapter",
    "Options",
    "Packer",
    "ProbeRequest",
    "Source",
    "Tokenization",
]


@dataclass(frozen=True, slots=True)
class BaseRequest:
    """What a Base may use: the adapter chosen (None: not yet known) and a folder for what it downloads."""

    adapter: ModelAdapter | None
    adapter_name: str
    cache: Path


class Base(Configurable):
    """A place base weights come from."""

    random_weights: ClassVar[bool] = False
    """True where the weights are untrained; the CLI then says so plainly."""

    @abstractmethod
    def fetch(self, reference: str, request: BaseRequest) -> Path:
        """A local folder with config.json, weights and tokenizer.

        Args:
            reference: what stands after "NAME:" in `--base NAME:reference`, or the whole of `--base`.

        Raises:
            MftError: what could not be had, and what to do instead.
        """

    def pinned(self, reference: str, folder: Path) -> str:
        """`reference` so that it will mean the same weights later; as it is where nothing more can be said.

        Args:
            reference: as for `fetch`.
            folder: what `fetch` gave for it.
        """
        return reference


@dataclass(frozen=True, slots=True)
class DataRequest:
    """What a Source may use.

    Attributes:
        path: `data.path` (`--data`), or None.
        cache: a folder for what the source makes or downloads.
    """

    path: Path | None
    cache: Path


class Source(Configurable):
    """A place task data comes from. It hands over files; reading, splitting and counting is the core's."""

    @abstractmethod
    def tasks(self, request: DataRequest) -> list[TaskFiles]:
        """The tasks, sorted by name, each with at least one training file.

        Raises:
            MftError: nothing there, a name that is no task name, a file that cannot be read.
        """


class Tokenization(Configurable):
    """Turns a record into token ids and says which of them are supervised."""

    @abstractmethod
    def bind(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Called once before anything else; may set `tokenizer.chat_template`, which is saved with the model.

        Raises:
            MftError: this tokenizer cannot be used with this tokenization.
        """

    @abstractmethod
    def encode(self, record: Record) -> Sample:
        """The record's tokens; every assistant turn supervised with its end token, nothing else.

        Control tokens typed inside a turn's content stay text. The core refuses a sample without any target.

        Raises:
            RecordError: the record cannot be rendered faithfully.
        """

    @abstractmethod
    def prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Token ids up to where the assistant's next answer starts, as `encode` lays them out."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Changes whenever `encode` could give another result; part of the token cache's key."""


class Packer(Configurable):
    """Decides which samples share a row. Rows may mix tasks; documents never see each other."""

    pads_to_maximum: ClassVar[bool] = False
    """Rows are padded to `data.max_length` instead of to the longest row of their micro-batch."""

    @abstractmethod
    def pack(self, lengths: np.ndarray, capacity: int) -> PackedRows:
        """Put every sample into exactly one row.

        Args:
            lengths: int64 [samples], in training order; each is between 1 and `capacity`.
            capacity: most tokens a row may hold.
        """


class LossOptions(Options):
    """Options every loss has."""

    by: Literal["tokens", "samples"] = Field(
        "tokens", description="what counts equally inside a task: every supervised token, or every sample"
    )
    within: Literal["mean", "focal-sample", "focal-task"] = Field(
        "mean", description="form of a task's own loss: its mean, or the paper's focal losses (by samples)"
    )
    gamma: float = Field(2.0, ge=0, description="focal losses: focusing exponent; 0: none")
    alpha: float | dict[str, float] = Field(1.0, description="focal losses: factor of every task, or of some by name")
    statistics: Literal["step", "running"] = Field(
        "step", description="focal-task: P and Q of the whole step (exact; one more forward), or their running means"
    )
    normalize: Literal["expected", "step"] = Field(
        "expected",
        description="divide a step's objective by its expectation (unbiased), or by its own weights (constant scale)",
    )


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """A loss asks to see validation losses around optimizer steps.

    Attributes:
        samples_per_task: validation samples of each task in the probe.
        every: optimizer steps between two measurements.
        rotate_every: optimizer steps after which other samples are taken; 0: never.
    """

    samples_per_task: int
    every: int
    rotate_every: int


class Loss(Configurable):
    """The multi-task objective: sum_i omega_i L_i, exact whatever the batching (MFTCoder, equation 1).

    L_i is task i's loss over the whole training set, by tokens or by samples; omega are the task weights, fixed
    before a step's first forward. A new balancer only implements `task_weights`.
    """

    Options: ClassVar[type[Options]] = LossOptions
    counts: TaskCounts
    within: Within

    measures_step_first: bool = False
    """Whether `before_step` must see the step's training losses: one more forward of its rows, without gradients."""

    measures_step_again: bool = False
    """Whether `after_step` must see the step's rows measured again after the update: one more forward."""

    def start(self, counts: TaskCounts) -> None:
        """Called once, before the first step, with the whole training set's counts.

        Raises:
            UsageError: an option that names a task there is not.
        """
        self.counts = counts
        self.within = make_within(self.options, counts)

    def before_step(self, step: StepCounts) -> None:
        """Called before every step, ahead of `task_weights`; `step.losses` is set if `measures_step_first`."""

    def after_step(self, training: TaskLosses, again: TaskLosses | None) -> None:
        """Called after every step taken, with its training losses over all ranks.

        Args:
            training: of the step's own forward; tasks absent from the step have no samples in it.
            again: the same rows with the same dropout after the update, if `measures_step_again`.
        """

    @abstractmethod
    def task_weights(self) -> np.ndarray:
        """float64 [N], non-negative, summing to 1: omega for the coming step, the same on every rank.

        At the start it is in proportion to `counts.importance`, whatever else it depends on; asking twice changes
        nothing, and another order of the tasks gives the same weights in that order.
        """

    @property
    def probe(self) -> ProbeRequest | None:
        """The validation probe this loss wants; None: none. `observe` is called with what it finds."""
        return None

    def observe(self, before: TaskLosses, after: TaskLosses) -> None:
        """Losses of one and the same probe before and after the last `probe.every` optimizer steps.

        At the start of training, and whenever other samples are taken, both arguments are the same object.
        """

    def objective(self, tokens: TokenLosses, weights: np.ndarray, step: StepCounts) -> torch.Tensor:
        """Scalar: one micro-batch's part of the step's objective, sum_i omega_i L_i / Z; a pure function.

        The step's objective is the sum of this over its micro-batches and ranks.
        """
        return weighted_sum(self.within.contributions(tokens, step), weights / self.step_scale(weights, step))

    def step_scale(self, weights: np.ndarray, step: StepCounts) -> float:
        """Z: what a step's weighted sum is divided by; "expected": 1 / steps per epoch; "step": the step's own."""
        if self.options.normalize == "expected":
            return 1.0 / step.steps_per_epoch
        return float(np.sum(weights * self.within.share(step))) or 1.0

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to continue bit by bit, as JSON values (floats survive JSON exactly)."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""


class Evaluator(Configurable):
    """A measure of a trained model. One that has it write answers: `mft_core.evaluating.generative`."""

    @abstractmethod
    def evaluate(self, request: EvaluationRequest) -> list[Score]:
        """Scores of the model in `request`; called on every rank, with equal results.

        Raises:
            MftError: what it needs is not there.
        """

    def check(self) -> None:
        """Find out, before a model is loaded or trained, what would make `evaluate` fail.

        Raises:
            MftError: a set that cannot be had, code that cannot be isolated.
        """
