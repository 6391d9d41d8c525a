"""What a run says of itself in its result's README.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from mft_core.data.tasks import Task
from mft_core.events import read_events
from mft_core.models.checkpoints.config import read_config
from mft_core.run.plan import Plan
from mft_core.run.public_names import public_name
from mft_core.run.task_result import relative_noise
from mft_core.support import run_files
from mft_core.tuning.model_card import CardFacts, CardTask


def card_facts(plan: Plan, model: nn.Module, run: Path, selected: int) -> CardFacts:
    """The facts of the run in folder `run`.

    Args:
        model: the trained one, with or without PEFT's wrapper.
        selected: the step whose weights it has.
    """
    name, on_hub = public_name(plan.recipe.model.base)
    evaluations = [event for event in read_events(run / run_files.METRICS) if event["event"] == "eval"]
    losses = {event["step"]: {**event["tasks"], **event.get("watched", {})} for event in evaluations}
    own = type(getattr(model, "get_base_model", lambda: model)()).__module__
    return CardFacts(
        base=name,
        on_hub=on_hub,
        converted=plan.adapter.format_of(read_config(plan.base_folder)) is not None,
        method=plan.recipe.tune.method,
        step=selected,
        tasks=tuple(_task(task, losses.get(0, {}), losses.get(selected, {})) for task in plan.task_set),
        watched=tuple(_task(task, losses.get(0, {}), losses.get(selected, {})) for task in plan.task_set.watched),
        imports=() if own.startswith("transformers.") else (own,),
    )


def _task(task: Task, before: Mapping[str, Any], after: Mapping[str, Any]) -> CardTask:
    report = task.report
    loss_before, loss_after = (losses.get(task.name, {}).get("loss") for losses in (before, after))
    tokens = after.get(task.name, {}).get("tokens")
    noise = relative_noise(tokens)
    return CardTask(task.name, report.train, report.valid, report.supervised, loss_before, loss_after, noise)
