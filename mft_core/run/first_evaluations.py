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
from mft_core.tuning.methods import FULL

if TYPE_CHECKING:
    from accelerate import Accelerator

ADDS_NOTHING = ("default", "gaussian")
"""Values of `tune.init` with which B is zero at first, so that LoRA adds exactly nothing."""
OF_NO_MATTER = {"rank", "alpha", "dropout"}
"""Keys of [tune] that do not matter as long as it adds nothing; dropout is off where anything is measured."""


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
    if folder is None or not _begins_as_base(plan):
        return None
    return FirstEvaluation(folder / f"{_key(plan, fingerprint, accelerator)}.json", accelerator.is_main_process)


def _begins_as_base(plan: Plan) -> bool:
    """Whether the model that is trained computes, before the first step, what its base does, whatever the seed."""
    tune = plan.recipe.tune
    return tune.method == FULL or (tune.init in ADDS_NOTHING and not tune.dora)


def _key(plan: Plan, fingerprint: str, accelerator: Accelerator) -> str:
    """SHA-256 of all that decides on the bits of the losses; of [train], that is how the model computes."""
    recipe, packer = plan.recipe, plan.training.packer
    train = recipe.train
    decides: dict[str, Any] = {
        "base": fingerprint,
        "model": recipe.model.model_dump(mode="json"),
        "tune": recipe.tune.model_dump(mode="json", exclude=OF_NO_MATTER),
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
