"""Packed rows or padded ones: the plan is kept, or changed, to what the loaded model computes exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import nn
from transformers import PreTrainedModel

from mft_core.batching.packing import OneEach
from mft_core.data.tasks import TaskSet
from mft_core.errors import MftError
from mft_core.evaluation.losses import EvaluationContext
from mft_core.models.loading import check_vocabulary, load_base
from mft_core.models.positions import learnt_positions
from mft_core.nn.packed_attention import BatchInputs, padded_batch_inputs
from mft_core.nn.token_losses import TokenLossModel
from mft_core.run.plan import Plan
from mft_core.run.task_data import batch_plan

if TYPE_CHECKING:
    from accelerate import Accelerator

TOLERANCE = {torch.float64: 1e-5, torch.float32: 1e-3, torch.bfloat16: 0.1, torch.float16: 0.05}
"""Largest relative difference of logits that is rounding; some families compute norms in float32 in any dtype."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A plan that its model can be trained and measured by.

    Attributes:
        plan: with rows that the model computes exactly.
        model: the loaded one.
        inputs: a batch of them as keyword arguments of the model's forward.
        warning: why rows are not packed, and what that means; "" where they are.
    """

    plan: Plan
    model: PreTrainedModel
    inputs: BatchInputs
    warning: str = ""


def load_fitted(plan: Plan, device: torch.device, spread: bool = False) -> Fitted:
    """The plan's base model, loaded and not tuned yet, and rows that suit it.

    Args:
        device: it is to compute on, which decides the precision.
        spread: its weights are to be spread over the processes. They go to the CPU, since such a model may be larger
            than a device, which it reaches layer by layer.

    Raises:
        MftError: the checkpoint or its tokenizer cannot be used, or the model computes no kind of rows exactly.
    """
    dtype, quantization = plan.precision(device).weights, plan.parts.tuner.quantization()
    base = load_base(plan.adapter, plan.base_folder, dtype, quantization=quantization, device=device, spread=spread).to(
        torch.device("cpu") if spread else device
    )
    check_vocabulary(base, plan.tokenizer)
    return fit_rows(plan, base, dtype)


def measuring(fitted: Fitted, accelerator: Accelerator) -> EvaluationContext:
    """All validation samples under a model that is only measured."""
    model = accelerator.prepare_model(TokenLossModel(fitted.model, fitted.inputs), evaluation_mode=True)
    return validation_context(fitted.plan, model, accelerator)


def fit_rows(plan: Plan, model: PreTrainedModel, dtype: torch.dtype) -> Fitted:
    """Test the loaded model on packed rows; where they do not suit it, every row gets one sample.

    Args:
        model: the base as `load_base` gives it; it may be given another attention.
        dtype: it computes in.

    Raises:
        MftError: padded rows do not suit it either, a sample is longer than the positions it has learnt, or it is no
            model that the adapter lets be trained.
    """
    refuse_positions_never_learnt(model, plan)
    test = plan.adapter.test_rows(model, len(plan.tokenizer), TOLERANCE[dtype])
    if test.packed:
        return Fitted(plan, model, plan.adapter.model_inputs)
    fitting = plan if isinstance(plan.training.packer, OneEach) else _with_one_each(plan)
    reason = f"{test.reason}; so every row holds one sample, and there are {fitting.total_steps} steps"
    return Fitted(fitting, model, padded_batch_inputs, reason)


def _with_one_each(plan: Plan) -> Plan:
    training = batch_plan(plan.recipe, plan.task_set, OneEach())
    steps = plan.recipe.train.steps or training.total_steps(plan.recipe.train.epochs)
    return replace(plan, training=training, total_steps=steps)


def refuse_positions_never_learnt(model: PreTrainedModel, plan: Plan) -> None:
    """Samples fit into the model's table of positions, if it has one. The plan saw to that, but for prepared samples.

    Raises:
        MftError: they do not.
    """
    validation = [int(task.valid.lengths.max(initial=0)) for task in plan.task_set.every]
    limit, longest = learnt_positions(model), max(plan.training.table.longest, *validation)
    if limit is not None and longest > limit:
        raise MftError(
            f"The model has learnt {limit} positions, and the longest sample has {longest} tokens.",
            "It was prepared for another model: run `mft prepare` again with this one.",
        )


def validation_context(plan: Plan, model: nn.Module, accelerator: Accelerator) -> EvaluationContext:
    """All validation samples under `model`, a prepared TokenLossModel."""
    return EvaluationContext(
        model=model,
        names=plan.task_set.names,
        validation=plan.validation,
        packer=plan.training.packer,
        capacity=plan.recipe.data.max_length,
        micro_batch_size=plan.recipe.train.micro_batch_size,
        accelerator=accelerator,
    )


def on_every_task(context: EvaluationContext, tasks: TaskSet) -> EvaluationContext:
    """The validation samples of watched tasks too, behind those of the trained ones."""
    return context.on([task.name for task in tasks.every], [task.valid for task in tasks.every])
