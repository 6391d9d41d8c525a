"""Expected peak memory of a training step, by arithmetic; no weights are loaded."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from transformers import PreTrainedConfig

from mft_core.models.adapter import ModelAdapter
from mft_core.models.building import build_empty
from mft_core.models.precision import choose_precision
from mft_core.nn.head_losses import chunk_rows
from mft_core.recipe.schema import Recipe
from mft_core.run.held_bytes import HeldBytes
from mft_core.run.plan import Plan, tuner_request
from mft_core.support.ranks import process_state
from mft_core.training.optimizer import Optimizer
from mft_core.training.parameter_groups import parameter_groups
from mft_core.training.spread import expected_shards
from mft_core.tuning.preparing import skeleton_for_tuning
from mft_core.tuning.tuner import Tuner

# Tensors a decoder layer keeps for its backward, in elements per token: about 14 of the hidden size (norm and
# projection inputs, queries, keys, values, attention output, residuals) and 4 of the MLP's inner size.
HIDDEN_COPIES, INNER_COPIES = 14, 4
# Beside quantised weights PEFT gives each adapter its own float32 copy of its input, and dropout keeps a mask of bytes.
ADAPTER_INPUTS, ADAPTER_INPUT_BYTES = 6, 5
USABLE = 0.8
"""Share of the free memory that an estimate may take: it is one, and libraries want some for themselves."""


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Bytes on one rank.

    Attributes:
        method: the tuner's name.
        parameters: in all, adapters included.
        trainable: of them.
        weights: of the base.
        adapters: what the tuner adds to it.
        gradients: of the trainable parameters.
        optimizer: its states.
        activations: kept for the backward, logits included; with quantised weights the largest one, dequantised.
        gathered: where a rank has a part alone of all above but activations: what is whole for a while.
    """

    method: str
    parameters: int
    trainable: int
    weights: int
    adapters: int
    gradients: int
    optimizer: int
    activations: int
    gathered: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.adapters + self.gradients + self.optimizer + self.activations + self.gathered

    def as_json(self) -> dict[str, Any]:
        """The fields and the total."""
        return {**asdict(self), "total": self.total}


def estimate_memory(
    recipe: Recipe,
    tuner: Tuner,
    adapter: ModelAdapter,
    config: PreTrainedConfig,
    weights_dtype: torch.dtype,
    supervised_share: float,
    device: torch.device,
    optimizer: Optimizer | None = None,
    shards: int = 1,
) -> MemoryEstimate:
    """What one optimizer step needs at its peak.

    Args:
        tuner: that the recipe names.
        config: the base's native transformers configuration.
        weights_dtype: the base is loaded in, as far as it is not quantised.
        supervised_share: supervised / real tokens; the head runs on supervised positions, a few at a time.
        device: where the step is computed.
        optimizer: takes the step; None: its states are not counted.
        shards: ranks that weights, gradients and states are spread over.
    """
    base = build_empty(config, weights_dtype)
    held = HeldBytes(base, tuner.quantization(), shards)
    of_base = list(base.parameters())
    in_base = {id(parameter) for parameter in of_base}
    model = skeleton_for_tuning(base, tuner, tuner_request(recipe, adapter))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    gradients = sum(map(held.part, trained))
    states = sum(map(optimizer.state_bytes, parameter_groups(model, recipe.train))) if optimizer else 0
    head = base.get_output_embeddings()
    kept_by = _Kept(
        beside_four_bits=tuner.quantization() is not None,
        trained_head=head is not None and any(p.requires_grad for p in head.parameters()),
    )
    return MemoryEstimate(
        method=recipe.tune.method,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        trainable=sum(parameter.numel() for parameter in trained),
        weights=sum(map(held.part, of_base)),
        adapters=sum(held.part(parameter) for parameter in model.parameters() if id(parameter) not in in_base),
        gradients=gradients,
        optimizer=states * gradients // max(1, sum(map(held.whole, trained))),
        activations=held.workspace + _activations(recipe, kept_by, config, weights_dtype, device, supervised_share),
        gathered=held.gathered(model),
    )


def expected_memory(plan: Plan, recipe: Recipe, tuner: Tuner | None = None) -> MemoryEstimate:
    """Of a training step of the plan's data under `recipe`, on this process's device.

    Args:
        tuner: that the recipe names; None: it is the plan's.
    """
    tuner = tuner or plan.parts.tuner
    supervised, tokens = (int(counts.sum()) for counts in (plan.training.table.supervised, plan.training.table.lengths))
    device = process_state().device
    dtype = choose_precision(recipe.model.dtype, device, tuner.trains_base).weights
    share, optimizer = supervised / tokens, plan.parts.optimizer
    shards = expected_shards(recipe.train.sharding)
    return estimate_memory(recipe, tuner, plan.adapter, plan.config, dtype, share, device, optimizer, shards)


def with_checkpointing_decided(plan: Plan, available: int | None = None) -> Plan:
    """The plan with `train.gradient_checkpointing` true or false: where it is "auto", on if memory asks for it.

    Args:
        available: bytes; None: what this process's device has free.
    """
    if plan.recipe.train.gradient_checkpointing != "auto":
        return plan
    room = free_memory(process_state().device) if available is None else available
    wanted = expected_memory(plan, plan.recipe).total > USABLE * room
    return replace(plan, recipe=plan.recipe.having("train", gradient_checkpointing=wanted))


def free_memory(device: torch.device) -> int:
    """Bytes that a device has free now."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    import psutil

    return psutil.virtual_memory().available


@dataclass(frozen=True, slots=True)
class _Kept:
    """What of the tuning decides on what is kept for the backward."""

    beside_four_bits: bool
    trained_head: bool


def _activations(
    recipe: Recipe,
    kept_by: _Kept,
    config: PreTrainedConfig,
    dtype: torch.dtype,
    device: torch.device,
    supervised_share: float,
) -> int:
    item = dtype.itemsize
    tokens = recipe.train.micro_batch_size * recipe.data.max_length
    hidden = config.hidden_size
    inner = getattr(config, "intermediate_size", None) or getattr(config, "n_inner", None) or 4 * hidden
    layers = config.num_hidden_layers
    per_layer = (HIDDEN_COPIES * hidden + INNER_COPIES * inner) * item * tokens
    if kept_by.beside_four_bits:
        per_layer += (ADAPTER_INPUTS * hidden + inner) * ADAPTER_INPUT_BYTES * tokens
    recomputed = recipe.train.gradient_checkpointing is True
    kept = layers * hidden * item * tokens + per_layer if recomputed else layers * per_layer
    supervised = int(tokens * supervised_share)
    rows = min(supervised, chunk_rows(config.vocab_size, dtype, device, kept_by.trained_head))
    head = rows * config.vocab_size * (4 + item) + 2 * supervised * hidden * item
    return int(kept + head)
