"""Who helps whom, in one run: how often it is measured, what that costs, and the file and warnings that come of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mft_core.batching.batch_plan import BatchPlan
from mft_core.data.tasks import TaskSet
from mft_core.events import read_events
from mft_core.objective.affinity import read_course
from mft_core.objective.affinity_summary import conflicting, summarised
from mft_core.recipe.schema import Recipe, TrainSection
from mft_core.run.affinity_words import affinity_as_json, commands_to_test, conflict_warning
from mft_core.support import run_files
from mft_core.support.durable import write_text
from mft_core.support.lists import first_few
from mft_core.training.affinity import AffinityRecorder, AffinityRequest

if TYPE_CHECKING:
    from mft_core.evaluation.losses import EvaluationContext
    from mft_core.objective.loss import Loss

SEED_OFFSET = 2
MOST_LOOKING_AHEAD = 20
"""Tasks up to which trial steps are taken: these cost N + 1 forwards of the validation samples of N tasks."""

USUAL, FEWEST, MOST = 10, 3, 200
SHARE = 0.1
"""Of a run's work: what measuring may take where the recipe does not say how often, down to `FEWEST` measurements."""

BACKWARD = 3
"""A forward and backward pass, in forward passes."""


@dataclass(frozen=True, slots=True)
class AffinitySchedule:
    """When who helps whom is measured.

    Attributes:
        request: what is measured.
        measurements: how many a whole run takes.
        samples: of one measurement, on both sides.
        share: work of all measurements over that of the steps, in token forwards (a backward counts as two).
    """

    request: AffinityRequest
    measurements: int
    samples: int
    share: float


def affinity_schedule(recipe: Recipe, tasks: TaskSet, training: BatchPlan, steps: int) -> AffinitySchedule | None:
    """What `[output] affinity` asks for; None: nothing, or there are no two tasks.

    Args:
        training: the rows of the run.
        steps: optimizer steps of the run.
    """
    if not recipe.output.affinity or len(tasks) < 2:
        return None
    request = AffinityRequest(every=1, look_ahead=len(tasks) <= MOST_LOOKING_AHEAD)
    sides = [[task.train.lengths for task in tasks], [task.valid.lengths for task in tasks]]
    samples = [[min(request.samples_per_task, len(lengths)) for lengths in side] for side in sides]
    train, valid = (
        sum(count * float(each.mean()) for count, each in zip(counts, side, strict=True) if count)
        for counts, side in zip(samples, sides, strict=True)
    )
    one = BACKWARD * (train + valid) + (len(tasks) + 1) * valid * request.look_ahead
    epoch = training.epoch(0)
    per_step = BACKWARD * float(training.table.lengths[epoch.rows.members].sum()) / epoch.steps
    share = one / (steps * per_step)
    if recipe.output.affinity_every:
        every = max(recipe.output.affinity_every, math.ceil(steps / MOST))
    else:
        every = max(1, steps // int(np.clip(SHARE / share, FEWEST, USUAL)))
    measurements = steps // every
    count = sum(map(sum, samples))
    return AffinitySchedule(replace(request, every=every), measurements, count, measurements * share)


def affinity_warnings(recipe: Recipe, tasks: TaskSet, steps: int) -> Iterator[str]:
    """What a user who asks for it should know before the run starts."""
    if not recipe.output.affinity:
        return
    if len(tasks) < 2:
        yield "output.affinity: one task alone has nobody to help, nothing is measured"
    if len(tasks) > MOST_LOOKING_AHEAD:
        yield (
            f"output.affinity: with more than {MOST_LOOKING_AHEAD} tasks only cosines of gradients are measured, no "
            "trial steps, which would take a forward for each pair of tasks"
        )
    without = [task.name for task in tasks if not len(task.valid)]
    if without and len(tasks) > 1:
        listed = first_few(without, of_what="tasks")
        yield f"output.affinity: no validation samples, so nothing is known of: {listed}"
    if 0 < recipe.output.affinity_every < steps / MOST:
        yield f"output.affinity_every: at most {MOST} measurements are taken, one every {math.ceil(steps / MOST)} steps"


class RunAffinity(AffinityRecorder):
    """Measures, warns of conflicts, and leaves affinity.json."""

    def at_end(self, step: int) -> None:
        """Warn of the pairs that pull apart."""
        course = read_course(self._events())
        conflicts = conflicting(course) if course else ()
        if conflicts:
            self.context.log.emit("warning", step, message=conflict_warning(conflicts))

    def close(self) -> None:
        """Write what there is, of an interrupted run too."""
        events = self._events()
        course = read_course(events)
        if course:
            affinity, run = summarised(course), self.context.log.run
            text = json.dumps(affinity_as_json(affinity, commands_to_test(affinity, run, events)), ensure_ascii=False)
            write_text(run / run_files.AFFINITY, text + "\n")

    def _events(self) -> list[dict[str, Any]]:
        """Those of the run, on the rank that writes; none on others."""
        writes = self.context.validation.accelerator.is_main_process
        return read_events(self.context.log.path) if writes else []


def run_affinity(
    schedule: AffinitySchedule | None, loss: Loss, training: EvaluationContext, settings: TrainSection
) -> dict[str, RunAffinity]:
    """The callback that measures, by its name; none where nothing is to be measured.

    Args:
        loss: the run's; its `by` says what counts equally in a task's mean loss.
        training: the training samples.
        settings: [train] of the recipe.
    """
    if schedule is None:
        return {}
    by, seed, rate = loss.options.by, settings.seed + SEED_OFFSET, settings.learning_rate
    return {"affinity": RunAffinity(training, schedule.request, by, seed, rate)}
