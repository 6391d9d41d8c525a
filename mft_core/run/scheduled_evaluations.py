"""The recipe's [[eval]] during a run: every n steps, and on the selected model at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.data.stored_records import validation_records
from mft_core.errors import UsageError
from mft_core.evaluation.evaluator import EvaluationRequest, Evaluator
from mft_core.evaluation.generative import GenerativeEvaluator
from mft_core.generation.assistant import Assistant
from mft_core.support import run_files
from mft_core.training.sharding import is_sharded

if TYPE_CHECKING:
    from torch import nn

    from mft_core.evaluation.losses import EvaluationContext
    from mft_core.events import EventLog
    from mft_core.run.plan import Plan


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One [[eval]] of a recipe.

    Attributes:
        label: names its folder; unique in the run.
        evaluator: built from its options.
        every: optimizer steps between two measurements; 0: only at the end.
    """

    label: str
    evaluator: Evaluator
    every: int


class TrainingEvaluations:
    """Runs the recipe's evaluators on the model in training, and logs their scores as events.

    Called on every rank. The model's weights, mode and random numbers stay as they are, so a run with evaluations
    ends with the same weights as one without.

    Args:
        plan: the run's.
        model: as `load_for_tuning` gave it, not wrapped any further.
        validation: the run's.
        log: where scores go.

    Raises:
        UsageError: the weights are spread over processes, where they cannot write answers.
    """

    def __init__(self, plan: Plan, model: nn.Module, validation: EvaluationContext, log: EventLog) -> None:
        self._plan = plan
        self._validation = validation
        self._log = log
        self._scheduled = scheduled(plan)
        writing = [one.label for one in self._scheduled if isinstance(one.evaluator, GenerativeEvaluator)]
        if writing and is_sharded(validation.model):
            raise UsageError(
                f'[[eval]]: {writing[0]} has the model write answers, which train.sharding = "full" does not allow',
                f"Leave it out, and measure the finished run: mft eval {log.run} --on {','.join(writing)}",
            )
        self._assistant = Assistant(model, plan.tokenizer, plan.parts.tokenization)

    def after_step(self, step: int) -> None:
        """Measure what is due; the last step belongs to `at_end`, which sees the selected model."""
        if step < self._plan.total_steps:
            self._run([one for one in self._scheduled if one.every and step % one.every == 0], step, f"step-{step:06d}")

    def at_end(self, step: int) -> None:
        """Measure the finished model."""
        self._run(self._scheduled, step, "final")

    def _run(self, due: Sequence[Scheduled], step: int, name: str) -> None:
        main = self._validation.accelerator.is_main_process
        for one in due:
            folder = self._log.run / run_files.EVALUATIONS / name / one.label
            for score in one.evaluator.evaluate(self._request(folder, f"{name}, step {step}", step)):
                if main:
                    self._log.emit("score", step, **asdict(score))

    def _request(self, folder: Path, model: str, step: int) -> EvaluationRequest:
        return EvaluationRequest(
            folder=folder,
            model=model,
            assistant=self._assistant,
            validation=lambda: self._validation,
            records=lambda: validation_records(self._plan.task_set),
            on_notice=lambda text: self._log.emit("warning", step, message=text),
        )


def scheduled(plan: Plan) -> list[Scheduled]:
    """The plan's evaluators with their schedule; a name that comes again gets a number."""
    seen: Counter[str] = Counter()
    result = []
    for choice, evaluator in zip(plan.recipe.eval, plan.parts.evaluators, strict=True):
        name = choice.name.replace("/", "-")
        seen[name] += 1
        result.append(Scheduled(name if seen[name] == 1 else f"{name}-{seen[name]}", evaluator, choice.every))
    return result
