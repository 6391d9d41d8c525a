"""How a run begins: from the newest good checkpoint of its folder, or with a record of how it was made."""

from __future__ import annotations

import shlex
from typing import Any

from mft_core.data.identity import Identities, differences, identities
from mft_core.data.tasks import write_quarantine
from mft_core.errors import UsageError
from mft_core.events import EventLog, read_events
from mft_core.run.folder import RunFolder
from mft_core.run.plan import Plan
from mft_core.run.scheduled_evaluations import set_aside_final
from mft_core.run.start_facts import start_facts
from mft_core.support import run_files
from mft_core.training.checkpoint import Checkpoint
from mft_core.training.trainer import Trainer


def resume_or_start(
    trainer: Trainer, plan: Plan, base: dict[str, Any], folder: RunFolder, *, resume: bool, force: bool
) -> None:
    """Take up the newest good checkpoint, or record how this run begins.

    Args:
        base: what it is built on.
        resume: there may be a checkpoint.
        force: resume although the tasks or their samples are others than they were.

    Raises:
        UsageError: they are, and `force` is False.
        MftError: the base is another one; or no checkpoint can be read.
    """
    checkpoint = trainer.checkpoints.load_latest() if resume else None
    if checkpoint is None:
        if resume and not force and (folder.path / run_files.COMPONENTS).exists():
            folder.check_base(base)
        _start(trainer, plan, base, folder)
    else:
        folder.check_base(base)
        _resume(trainer, plan, checkpoint, folder, force)


def _start(trainer: Trainer, plan: Plan, base: dict[str, Any], folder: RunFolder) -> None:
    """Record how this run begins."""
    if not trainer.accelerator.is_main_process:
        return
    trainer.log.rewind(-1)
    folder.write_recipe(plan.recipe)
    folder.write_components(plan.parts.entries, base)
    write_quarantine(plan.task_set, folder.path / run_files.QUARANTINE)
    trainer.log.emit("start", 0, **start_facts(plan, base, trainer.model, trainer.accelerator, trainer.total_steps))


def _resume(trainer: Trainer, plan: Plan, checkpoint: Checkpoint, folder: RunFolder, force: bool) -> None:
    """Go on from a checkpoint, on the tasks it was written on or, if forced, on others.

    Raises:
        UsageError: they are others, and `force` is False.
    """
    before = checkpoint.state.get("tasks") or _tasks_at_the_start(trainer.log)
    changes = differences(before, identities(plan.task_set)) if before else []
    if changes and not force:
        raise UsageError(
            f"the data are others than those {folder.path} was trained on:\n  " + "\n  ".join(changes),
            "put them back, or go on with these all the same: "
            f"mft run --resume --force --output {shlex.quote(str(folder.path))}",
        )
    trainer.resume(checkpoint, before)
    if trainer.accelerator.is_main_process:
        set_aside_final(trainer.log, trainer.total_steps)
        trainer.log.rewind(checkpoint.step)
        folder.write_recipe(plan.recipe)
        trainer.log.emit("resume", checkpoint.step, steps=trainer.total_steps)
        trainer.rollback.tell()
        for change in changes:
            trainer.log.emit("warning", checkpoint.step, message=f"resumed on other data: {change}")


def _tasks_at_the_start(log: EventLog) -> Identities:
    """The tasks of a run whose checkpoints do not name them, with their counts only."""
    starts = [event for event in read_events(log.path) if event["event"] == "start"]
    tasks = starts[-1]["tasks"] if starts else {}
    return {name: {side: task[side] for side in ("train", "valid")} for name, task in tasks.items()}
