"""What a run is told to look at after its evaluations, where there is nothing to see."""

from __future__ import annotations

from mft_core.data.tasks import TaskSet
from mft_core.objective.loss import Loss
from mft_core.recipe.schema import TrainSection


def course_warnings(settings: TrainSection, loss: Loss, tasks: TaskSet) -> list[str]:
    """Bounds on forgetting without a watched task, and `exclude` where no task can ever leave.

    Args:
        settings: [train] of the recipe.
        loss: started.
    """
    warnings = []
    if settings.max_forgetting and not any(len(task.valid) for task in tasks.watched):
        warnings.append('train.max_forgetting looks at tasks of role = "watch", and there is none')
    if settings.max_forgetting and settings.on_forgetting == "stop" and not settings.eval_every:
        warnings.append("train.on_forgetting = 'stop' has no evaluations to stop at: train.eval_every is 0")
    if loss.options.exclude:
        why = _never_leave(settings, tasks)
        warnings += [f"loss.exclude leaves out no task: {why}"] if why else []
        if not why and settings.stop != "none":
            warnings.append(
                f"train.stop = {settings.stop!r} looks at the mean over all tasks, and loss.exclude lets some leave it "
                "untrained: their losses may end the run while others still fall; train.stop = 'none' waits for these"
            )
    return warnings


def _never_leave(settings: TrainSection, tasks: TaskSet) -> str:
    if len(tasks) < 2:
        return "there is one only, and the last one never leaves"
    if not settings.eval_every:
        return "train.eval_every is 0"
    if not any(len(task.valid) for task in tasks):
        return "none has validation samples"
    return ""
