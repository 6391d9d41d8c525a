"""What an evaluator's plugin implements, and what it may use."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.records import Record, Score
from mft_core.registry.options import Configurable, SomeOptions

if TYPE_CHECKING:
    from mft_core.evaluation.losses import EvaluationContext
    from mft_core.generation.answering import Answerer


class Evaluator(Configurable[SomeOptions]):
    """A measure of a trained model. One that has it write answers: `mft_core.evaluation.generative`."""

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


@dataclass(frozen=True, slots=True)
class EvaluationProgress:
    """How far an evaluation is.

    Attributes:
        evaluator: its name.
        done: samples judged so far, of `total`.
        judged: those of them that have a score.
        score: the mean score over them; of code, the share that passed. None: nothing judged yet.
    """

    evaluator: str
    done: int
    total: int
    judged: int
    score: float | None


def ignore_progress(progress: EvaluationProgress) -> None:
    """For callers that show nothing."""


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """What an evaluator may use; the same on every rank.

    Attributes:
        folder: the evaluator's own folder for what it writes; what lies there from an interrupted evaluation of the
            same model is used.
        model: identifies the weights, or names the server and its model; "" where only given samples are judged.
        answerer: writes answers; None where only given samples are judged.
        samples_file: judge these instead of generating, one {"task_id", "completion"} a line; None: generate.
        post_process_samples: the samples of the file are raw answers, to be post-processed as the model's own.
        validation: gives the tasks' validation samples and the model for their losses; None without a run or data.
        records: the tasks' validation records by name, read when called; None without a run or data.
        own_answerers: by name of tasks with a tokenization of their own, what answers as they were learned; made when
            called.
        on_progress: told after every batch, on the main rank.
        on_notice: told what was left out, and why, in one line each, on the main rank.
    """

    folder: Path
    model: str = ""
    answerer: Answerer | None = None
    samples_file: Path | None = None
    post_process_samples: bool = False
    validation: Callable[[], EvaluationContext] | None = None
    records: Callable[[], Mapping[str, Sequence[Record]]] | None = None
    own_answerers: Callable[[], Mapping[str, Answerer]] = dict
    on_progress: Callable[[EvaluationProgress], None] = ignore_progress
    on_notice: Callable[[str], None] = field(default=lambda _: None)
