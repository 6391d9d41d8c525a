"""Trains with several losses one after the other: FOLDER/RANKS/{copied,sharded}/<case>/weights.safetensors."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path

from safetensors.torch import save_file

from helpers.forked_ranks import run_on_ranks
from helpers.gradient_losses import GradientRecorder
from helpers.overfitting import excluding, overfitting_trainer
from helpers.small_trainer import make_trainer, tensors
from mft_core.testing.samples import random_table
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


def sharded_cases(ranks: int) -> Collection[str]:
    """On four ranks, which take their time, those alone that ask for most: sharded on two and copied on four, all."""
    return CASES if ranks == 2 else ("famo", "weighted gradients")


def train_cases(folder: Path, cases: Collection[str] = CASES, sharded: bool = False) -> None:
    """Six steps each; three rows a step, so that four ranks never have one each; the last one of an epoch has fewer."""
    for name in cases:
        trainer = train(folder / name, name, sharded, steps=6)
        save(trainer, folder / name / "weights.safetensors")


def train(run: Path, name: str, sharded: bool, steps: int, resume: bool = False) -> Trainer:
    """One case, from the start or from its newest checkpoint."""
    loss_class, options = CASES[name]
    loss = loss_class(loss_class.Options(**options))
    settings = {"batch_size": 3, "micro_batch_size": 1, "steps": steps, "optimizer": "adamw", "learning_rate": 1e-3}
    table = random_table(SIZES, weighted=name.startswith("weighted"))
    trainer = make_trainer(run, loss, table, sharded=sharded, **settings)
    if resume:
        trainer.resume(trainer.checkpoints.load_latest())
    trainer.run()
    return trainer


def train_excluding(run: Path, sharded: bool = False) -> Path:
    """A run that goes back, its weights beside it."""
    trainer = overfitting_trainer(run, excluding(), sharded, batch_size=3, micro_batch_size=1)
    trainer.run()
    save(trainer, run / "weights.safetensors")
    return run


def save(trainer: Trainer, path: Path) -> None:
    """The trained weights, whole, written by the first rank when all have gathered them."""
    weights = tensors(trainer)
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
