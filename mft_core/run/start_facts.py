"""What the log of a run says first: the model, the tasks, the loss, how the rows are packed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accelerate import Accelerator
from torch import nn

from mft_core.data.tasks import Task
from mft_core.models.quantization import parameter_counts
from mft_core.run.continuing import CONTINUED
from mft_core.run.plan import Plan


def start_facts(
    plan: Plan, base: Mapping[str, Any], model: nn.Module, accelerator: Accelerator, total_steps: int
) -> dict[str, Any]:
    """The fields of the "start" event.

    Args:
        base: what the run is built on.
    """
    parameters, trainable = parameter_counts(model)
    watched = plan.task_set.watched
    return {
        "model": {
            "adapter": plan.adapter_name,
            "base": plan.recipe.model.base,
            "random_weights": plan.parts.base.random_weights,
            "method": plan.recipe.tune.method,
            **{key: base[key] for key in (CONTINUED,) if key in base},
            "parameters": parameters,
            "trainable": trainable,
            "device": str(accelerator.device),
            "ranks": accelerator.num_processes,
        },
        "tasks": {task.name: _task_facts(task) for task in plan.task_set},
        **({"watched": {task.name: task.report.as_json() for task in watched}} if watched else {}),
        **({"max_forgetting": plan.recipe.train.max_forgetting} if watched else {}),
        "loss": {"name": plan.recipe.loss.name, **plan.parts.loss.options.model_dump()},
        "packer": plan.recipe.data.packer.name,
        "warnings": plan.warnings,
        "steps": total_steps,
        "packing_efficiency": round(plan.training.packing_efficiency(0, plan.recipe.train.micro_batch_size), 4),
    }


def _task_facts(task: Task) -> dict[str, Any]:
    repeat = task.sampling.repeat
    return {**task.report.as_json(), "weight": task.weight, **({"repeat": repeat} if repeat != 1 else {})}
