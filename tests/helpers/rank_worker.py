"""Trains with several losses one after the other: FOLDER/RANKS/{copied,sharded}/<case>/weights.safetensors.

As two machines: FOLDER/hybrid/<case>/weights.safetensors.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from helpers.forked_ranks import run_on_ranks
from helpers.gradient_losses import GradientRecorder
from helpers.overfitting import excluding, overfitting_trainer
from helpers.small_trainer import make_trainer, tensors
from mft_core.testing.samples import random_table
from mft_core.training.look_ahead import copied, distance
from mft_core.training.trainer import Trainer
from mft_losses.coba import Coba
from mft_losses.dynamic_average import DynamicWeightAverage
from mft_losses.famo import Famo
from mft_losses.famo_train import FamoTrain
from mft_losses.focal import FocalTask
from mft_losses.uncertainty import Uncertainty

CASES = {
    "coba": (Coba, {"warmup": 1, "window": 3}),
    "famo": (Famo, {"within": "focal-sample", "rotate_every": 2}),
    "famo-train": (FamoTrain, {"normalize": "step"}),
    "focal-task": (FocalTask, {"alpha": {"task1": 3.0}}),
    "focal-task running": (FocalTask, {"statistics": "running"}),
    "weighted focal-task": (FocalTask, {}),
    "weighted by samples": (Uncertainty, {"by": "samples"}),
    "weighted gradients": (GradientRecorder, {"every": 2, "by": "samples"}),
    "dwa": (DynamicWeightAverage, {"window": 1, "by": "samples"}),
}
SIZES = [1, 12, 6]
HYBRID = ("famo", "weighted gradients")


def sharded_cases(ranks: int) -> Collection[str]:
    """On four ranks, which take their time, those alone that ask for most: sharded on two and copied on four, all."""
    return CASES if ranks == 2 else ("famo", "weighted gradients")


def train_cases(folder: Path, cases: Collection[str] = CASES, sharded: bool = False, copies: int = 1) -> None:
    """Six steps each; three rows a step, so that four ranks never have one each; the last one of an epoch has fewer."""
    for name in cases:
        trainer = train(folder / name, name, sharded, steps=6, copies=copies)
        save(trainer, folder / name / "weights.safetensors")


def train(
    run: Path, name: str, sharded: bool, steps: int, resume: bool = False, copies: int = 1, in_parts: bool = False
) -> Trainer:
    """One case, from the start or from its newest checkpoint; of a sharded model there are so many copies.

    `in_parts`: checkpoints are written by all ranks.
    """
    loss_class, options = CASES[name]
    loss = loss_class(loss_class.Options(**options))
    settings = {"batch_size": 3, "micro_batch_size": 1, "steps": steps, "optimizer": "adamw", "learning_rate": 1e-3}
    table = random_table(SIZES, weighted=name.startswith("weighted"))
    trainer = make_trainer(run, loss, table, sharded=sharded, copies=copies, **settings)
    trainer.checkpoints.in_parts = in_parts
    if resume:
        trainer.resume(trainer.checkpoints.load_latest())
    trainer.run()
    return trainer


def train_excluding(run: Path, sharded: bool = False, copies: int = 1, in_parts: bool = False) -> Path:
    """A run that goes back, its weights beside it."""
    trainer = overfitting_trainer(run, excluding(), sharded, batch_size=3, micro_batch_size=1, copies=copies)
    trainer.checkpoints.in_parts = in_parts
    trainer.run()
    save(trainer, run / "weights.safetensors")
    return run


def save(trainer: Trainer, path: Path) -> None:
    """The trained weights, whole, written by the first rank when all have gathered them.

    With them the inner products of gradients that a loss was shown, which may weigh by what a factor does not change,
    and the length of all weights as one vector.
    """
    weights = tensors(trainer)
    origin = [torch.zeros_like(part) for part in copied(trainer.model)]
    weights["length"] = torch.tensor(distance(trainer.model, origin, trainer.accelerator))
    for number, gramians in enumerate(getattr(trainer.loss, "seen", ())):
        weights[f"gramian {number}"] = torch.from_numpy(np.stack([gramians.train, gramians.across]))
    if trainer.accelerator.is_main_process:
        save_file(weights, path)
    trainer.accelerator.wait_for_everyone()


def resume_sharded(folder: Path) -> None:
    """Four steps, then two more from the checkpoint: as if nothing had happened in between."""
    train(folder, "coba", True, steps=4)
    trainer = train(folder, "coba", True, steps=6, resume=True)
    save(trainer, folder / "weights.safetensors")
    held = sum(parameter.to_local().numel() for parameter in trainer.model.parameters())
    assert held < 0.75 * sum(parameter.numel() for parameter in trainer.model.parameters()), "nothing is sharded"


def resume_hybrid(folder: Path) -> None:
    """Two steps as one copy over all ranks, two as two copies, and two more from their checkpoint."""
    train(folder, "coba", True, steps=2)
    train(folder, "coba", True, steps=4, resume=True, copies=2)
    trainer = train(folder, "coba", True, steps=6, resume=True, copies=2)
    save(trainer, folder / "weights.safetensors")
    held = sum(parameter.to_local().numel() for parameter in trainer.model.parameters())
    share = held / sum(parameter.numel() for parameter in trainer.model.parameters())
    assert 0.4 < share < 0.75, f"a rank of two has {share:.0%} of a copy"


def train_hybrid(folder: Path) -> None:
    """On one of four ranks of two machines."""
    train_cases(folder, HYBRID, sharded=True, copies=2)
    resume_hybrid(folder / "resumed")
    train_excluding(folder / "excluding", sharded=True, copies=2)


def train_on_machines(folder: Path) -> None:
    """What is sharded within two machines of two ranks each."""
    run_on_ranks(4, partial(train_hybrid, folder / "hybrid"), machines=2)


def train_everything(folder: Path, ranks: int) -> None:
    """On one of several ranks: the cases copied and sharded, one that is resumed, and one that goes back."""
    train_cases(folder / "copied")
    train_cases(folder / "sharded", sharded_cases(ranks), sharded=True)
    resume_sharded(folder / "resumed")
    train_excluding(folder / "copied" / "excluding")
    if ranks == 2:
        train_excluding(folder / "sharded" / "excluding", sharded=True)


def train_on_ranks(folder: Path, *several: int) -> None:
    """Everything on each of these numbers of ranks."""
    for ranks in several:
        run_on_ranks(ranks, partial(train_everything, folder / str(ranks), ranks))
