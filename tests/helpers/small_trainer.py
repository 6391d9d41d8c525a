"""A real `Trainer` on a tiny random float64 model, in memory but for its run folder."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import dropout as drop

from mft_core.batching.batch_plan import BatchPlan
from mft_core.batching.sample_table import SampleTable
from mft_core.events import EventLog
from mft_core.interfaces import Loss, Optimizer
from mft_core.nn.token_losses import TokenLossModel
from mft_core.recipe.schema import TrainSection
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.testing.contexts import evaluation_context
from mft_core.testing.random_models import random_token_loss_model
from mft_core.testing.samples import random_table, table_counts
from mft_core.training.accelerators import training_accelerator
from mft_core.training.checkpoint import CheckpointFolder
from mft_core.training.sharding import shard
from mft_core.training.state_tensors import trainable_tensors
from mft_core.training.trainer import Trainer
from mft_packing.best_fit import BestFit

CAPACITY = 48
DEFAULTS = {
    "batch_size": 4, "micro_batch_size": 2, "log_every": 1, "save_every": 3, "learning_rate": 0.1,
    "optimizer": "sgd", "schedule": "constant", "clip": 0.0,
}  # fmt: skip


def dropout_model(probability: float) -> TokenLossModel:
    """As `load_for_tuning` leaves one: new, the language model inside in evaluation mode; drops embeddings."""
    model = random_token_loss_model()

    def forget(module: nn.Module, inputs: object, output: torch.Tensor) -> torch.Tensor:
        return drop(output, probability, training=module.training)

    model.model.get_input_embeddings().register_forward_hook(forget)
    return model


def optimizer_of(settings: TrainSection) -> Optimizer:
    """The one that the settings name."""
    choice = settings.optimizer
    return discover(Workspace()).catalog.build("optimizer", choice.name, choice.options)


def make_trainer(
    run: Path,
    loss: Loss,
    training: SampleTable,
    validation: SampleTable | None = None,
    dropout: float = 0.0,
    sharded: bool = False,
    copies: int = 1,
    **settings,
) -> Trainer:
    """Everything as the runner builds it; `validation` has as many tasks as `training`.

    `copies` is how many there are of a sharded model.
    """
    run.mkdir(parents=True, exist_ok=True)
    counts = table_counts(training)
    loss.start(counts)
    section = TrainSection(**{**DEFAULTS, **settings})
    accelerator = training_accelerator(cpu=True)
    model = dropout_model(dropout)
    model = shard(model, accelerator, copies) if sharded else accelerator.prepare(model)
    if validation is None:
        validation = random_table([3] * len(counts), seed=1)
    plan = BatchPlan(training, BestFit(), CAPACITY, section.batch_size, section.seed)
    return Trainer(
        model=model,
        loss=loss,
        plan=plan,
        validation=evaluation_context(model, validation, counts.names),
        settings=section,
        accelerator=accelerator,
        log=EventLog(run),
        checkpoints=CheckpointFolder(run / "checkpoints", keep=9),
        optimizer=optimizer_of(section),
        total_steps=section.steps or plan.total_steps(section.epochs),
    )


def tensors(trainer: Trainer) -> dict[str, torch.Tensor]:
    """The trained weights, copied."""
    return {name: tensor.clone() for name, tensor in trainable_tensors(trainer.model).items()}
