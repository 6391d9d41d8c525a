"""The original FAMO, on training losses."""

from __future__ import annotations

from pydantic import Field

from mft_core.records import StepCounts, TaskLosses
from mft_losses.task_logits import TaskLogitOptions, TaskLogits


class FamoTrainOptions(TaskLogitOptions):
    """Options of `famo-train`: the published values, but for a floor."""

    floor: float = Field(1e-3, gt=0, le=1, description="a task's loss counts as at least this share of the mean loss")
    guard: bool = Field(False, description="a task whose training loss is rising gains no weight")
    scale_delta: bool = Field(False, description="divide the log-loss decrease by its running root mean square")


class FamoTrain(TaskLogits[FamoTrainOptions]):
    """FAMO as published (arXiv 2306.03792, algorithm 1): weights from the step's own training losses.

    The step's rows are measured before its weights are fixed and again after the update, with the same dropout: two
    more forwards of every step's data. `famo` is cheaper and does not reward overfitting.
    """

    measures_step_first = True
    measures_step_again = True

    def before_step(self, step: StepCounts) -> None:
        """The step's losses decide its weights."""
        if step.losses is not None:
            self.observe(step.losses, step.losses)

    def after_step(self, training: TaskLosses, again: TaskLosses | None) -> None:
        """The same rows before and after the update move the logits."""
        if again is not None:
            self.observe(training, again)
