"""What a run is told to look at in its course, where there will be nothing to see."""

from __future__ import annotations

from mft_core.data.tasks import TaskSet
from mft_core.objective.loss import Loss
from mft_core.recipe.schema import TrainSection
from mft_core.support import units


def course_warnings(settings: TrainSection, loss: Loss, tasks: TaskSet, steps: int) -> list[str]:
    """Bounds on forgetting without a watched task, `exclude` where no task can ever leave, and a loss that never acts.

    Args:
        settings: [train] of the recipe.
        loss: started.
        steps: optimizer steps of the run.
    """
    warnings = idle_warnings(loss, len(tasks), steps)
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


def idle_warnings(loss: Loss, tasks: int, steps: int) -> list[str]:
    """One where the weights of several tasks will not move in so few optimizer steps.

    Args:
        loss: started.
        tasks: how many it weighs.
    """
    why = loss.idle(steps) if tasks > 1 else ""
    if not why:
        return []
    probe = ", and what it measures is paid for" if loss.probe else ""
    return [f"the loss moves no weight in {units.counted(steps, 'optimizer step')}{probe}: {why}"]


def _never_leave(settings: TrainSection, tasks: TaskSet) -> str:
    if len(tasks) < 2:
        return "there is one only, and the last one never leaves"
    if not settings.eval_every:
        return "train.eval_every is 0"
    if not any(len(task.valid) for task in tasks):
        return "none has validation samples"
    return ""
