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
from mft_core.events import EventLog, read_events
from mft_core.generation.assistant import Assistant, own_assistants
from mft_core.run.row_form import on_every_task
from mft_core.support import run_files
from mft_core.support.durable import remove_folder
from mft_core.training.callbacks import Callback, CallbackContext

if TYPE_CHECKING:
    from mft_core.run.plan import Plan


FINAL = "final"


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


class TrainingEvaluations(Callback):
    """Runs the recipe's evaluators on the model in training, and logs their scores as events.

    Args:
        plan: the run's.
        run: its folder.
        sharded: the weights are spread over processes.

    Raises:
        UsageError: they are, so that they cannot write answers, and an evaluator wants some.
    """

    essential = True

    def __init__(self, plan: Plan, run: Path, sharded: bool) -> None:
        super().__init__()
        self._plan = plan
        self._scheduled = scheduled(plan)
        writing = [one.label for one in self._scheduled if isinstance(one.evaluator, GenerativeEvaluator)]
        if writing and sharded:
            raise UsageError(
                f"[[eval]]: {writing[0]} has the model write answers, which train.sharding = "
                f'"{plan.recipe.train.sharding}" does not allow',
                f"Leave it out, and measure the finished run: mft eval {run} --on {','.join(writing)}",
            )

    def start(self, context: CallbackContext) -> None:
        """Make the model ready to answer."""
        super().start(context)
        self._assistant = Assistant(context.model, self._plan.tokenizer, self._plan.parts.tokenization)
        self._own_assistants = own_assistants(self._plan.parts.bound, context.model)

    def after_step(self, step: int) -> None:
        """Measure what is due; the last step belongs to `at_end`, which sees the selected model."""
        if step < self.context.total_steps:
            self._run([one for one in self._scheduled if one.every and step % one.every == 0], step, step_name(step))

    def going_back(self, step: int) -> None:
        """Models of later steps are given up: their answers must not be taken for those of others."""
        accelerator = self.context.validation.accelerator
        if accelerator.is_main_process:
            for folder in (self.context.log.run / run_files.EVALUATIONS).glob("step-*"):
                if int(folder.name.removeprefix("step-")) > step:
                    remove_folder(folder)
        accelerator.wait_for_everyone()

    def at_end(self, step: int) -> None:
        """Measure the finished model."""
        self._run(self._scheduled, step, FINAL)

    def _run(self, due: Sequence[Scheduled], step: int, name: str) -> None:
        log = self.context.log
        for one in due:
            folder = log.run / run_files.EVALUATIONS / name / one.label
            for score in one.evaluator.evaluate(self._request(folder, f"{name}, step {step}", step)):
                if self.context.validation.accelerator.is_main_process:
                    log.emit("score", step, **asdict(score))

    def _request(self, folder: Path, model: str, step: int) -> EvaluationRequest:
        return EvaluationRequest(
            folder=folder,
            model=model,
            answerer=self._assistant,
            own_answerers=lambda: self._own_assistants,
            validation=lambda: on_every_task(self.context.validation, self._plan.task_set),
            records=lambda: validation_records(self._plan.task_set.every, self._plan.parts.readers),
            on_notice=lambda text: self.context.log.emit("warning", step, message=text),
        )


def set_aside_final(log: EventLog, total_steps: int) -> None:
    """Where a run goes on for other than the steps it was to take, what was its end is a step like others."""
    events = read_events(log.path)
    planned = [event["steps"] for event in events if event.get("steps") is not None]
    final = log.run / run_files.EVALUATIONS / FINAL
    if final.is_dir() and planned and planned[-1] != total_steps:
        final.rename(final.with_name(step_name(max(event["step"] for event in events))))


def step_name(step: int) -> str:
    """The folder of what was measured at a step."""
    return f"step-{step:06d}"


def scheduled(plan: Plan) -> list[Scheduled]:
    """The plan's evaluators with their schedule; a name that comes again gets a number."""
    seen: Counter[str] = Counter()
    result = []
    for choice, evaluator in zip(plan.recipe.eval, plan.parts.evaluators, strict=True):
        name = choice.name.replace("/", "-")
        seen[name] += 1
        result.append(Scheduled(name if seen[name] == 1 else f"{name}-{seen[name]}", evaluator, choice.every))
    return result
