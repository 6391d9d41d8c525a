"""Which runs measure the same before their first step, bit by bit."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mft_core.data.identity import identities
from mft_core.data.tasks import Task, TaskSet
from mft_core.run.folder import library_versions
from mft_core.run.plan import Plan
from mft_core.training.first_evaluation import FirstEvaluation

if TYPE_CHECKING:
    from accelerate import Accelerator


def first_evaluation(
    folder: Path | None, plan: Plan, fingerprint: str, accelerator: Accelerator
) -> FirstEvaluation | None:
    """Where the first evaluation of a run is kept for others; None: it is not.

    Batches, and with them the rounding of sums, come of all validation samples together: only runs with the same tasks
    share one.

    Args:
        folder: where such evaluations are kept; None: nowhere.
        plan: as it is carried out, its rows fitted to the model.
        fingerprint: of the base's weights.
    """
    if folder is None or plan.recipe.model.adapter_path or not plan.parts.tuner.starts_as_base:
        return None
    return FirstEvaluation(folder / f"{_key(plan, fingerprint, accelerator)}.json", accelerator.is_main_process)


def _key(plan: Plan, fingerprint: str, accelerator: Accelerator) -> str:
    """SHA-256 of all that decides on the bits of the losses; of [train], that is how the model computes."""
    recipe, tuner, packer = plan.recipe, plan.parts.tuner, plan.training.packer
    train = recipe.train
    decides: dict[str, Any] = {
        "base": fingerprint,
        "model": recipe.model.model_dump(mode="json"),
        "tune": [recipe.tune.method, tuner.options.model_dump(mode="json", exclude=set(tuner.without_effect_at_first))],
        "train": [train.micro_batch_size, train.gradient_checkpointing, train.sharding, train.router_loss],
        "rows": [type(packer).__qualname__, packer.options.model_dump(mode="json"), recipe.data.max_length],
        "samples": [_samples(plan.task_set.tasks), _samples(plan.task_set.watched)],
        "machine": [str(accelerator.device), accelerator.num_processes, accelerator.mixed_precision],
        "threads": [torch.get_num_threads(), torch.backends.cpu.get_cpu_capability()],
        "versions": library_versions(),
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def _samples(tasks: tuple[Task, ...]) -> list[tuple[str, str]]:
    """Of each task, the tokenised entry that its validation samples are in, and which of them it has, in order."""
    known = identities(TaskSet(tasks))
    return [(task.valid.entry.folder.name, known[task.name]["valid_digest"]) for task in tasks]
