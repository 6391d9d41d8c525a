"""What of a model is trained: LoRA adapters or every weight."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mft_core.errors import UsageError
from mft_core.suggestions import did_you_mean

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

ALL_LINEAR, FAMILY = "all-linear", "family"


def prepare_for_tuning(
    model: PreTrainedModel,
    *,
    method: str = "lora",
    rank: int = 16,
    alpha: float = 32.0,
    dropout: float = 0.0,
    targets: str | Sequence[str] = ALL_LINEAR,
    family: Sequence[str] = (),
    gradient_checkpointing: bool = False,
    seed: int = 0,
) -> nn.Module:
    """The model with exactly those parameters requiring gradients that are to be trained.

    Args:
        model: from `load_base`; changed in place.
        method: "lora" or "full".
        rank: of the LoRA matrices; their scale is `alpha / rank`.
        alpha: see `rank`.
        dropout: on the LoRA branch's input.
        targets: "all-linear" (every linear module but the head), "family", or names of linear modules.
        family: what "family" stands for (`ModelAdapter.lora_targets`); names this architecture lacks are left out.
        gradient_checkpointing: recompute activations in the backward pass.
        seed: of the LoRA matrices' initial values; the process's random state is left as it was.

    Returns:
        `model` itself for "full"; PEFT's wrapper for "lora", its adapters in float32 (float64 in a float64 model).

    Raises:
        UsageError: a target that names no linear module; the message lists what there is.
    """
    with checkpointing_by_its_old_name():
        if gradient_checkpointing:
            # Not reentrant: the reentrant form loses keyword arguments and gradients behind a frozen embedding.
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        if method == "full":
            return model.requires_grad_(True)
        return _add_lora(model, rank, alpha, dropout, lora_modules(model, targets, family), seed)


@contextmanager
def checkpointing_by_its_old_name() -> Iterator[None]:
    """No warning for `gradient_checkpointing`: transformers 5 renamed it, PEFT uses the name that holds until 6."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`(is_)?gradient_checkpointing", FutureWarning)
        yield


def _add_lora(
    model: PreTrainedModel, rank: int, alpha: float, dropout: float, modules: list[str], seed: int
) -> nn.Module:
    import torch
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(task_type="CAUSAL_LM", r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=modules)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return get_peft_model(model, config)


def lora_modules(model: PreTrainedModel, targets: str | Sequence[str], family: Sequence[str] = ()) -> list[str]:
    """Names of the modules that get LoRA matrices, as PEFT matches them, sorted.

    Raises:
        UsageError: a target that names no linear module; the message lists what there is.
    """
    linear = _linear_names(model)
    if targets == ALL_LINEAR:
        return sorted(linear)
    if targets == FAMILY:
        return sorted(linear.intersection(family))
    wanted = [targets] if isinstance(targets, str) else list(targets)
    for name in wanted:
        if name not in linear:
            raise UsageError(f"tune.targets: this model has no linear module {name!r}.", did_you_mean(name, linear))
    return sorted(wanted)


def _linear_names(model: PreTrainedModel) -> set[str]:
    """Last parts of the names of all linear modules but the head."""
    from torch import nn

    head = model.get_output_embeddings()
    return {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module is not head
    }


def merge(model: nn.Module) -> PreTrainedModel:
    """A model without adapters that computes what `model` does; the adapters are added into its weights, in place."""
    from peft import PeftModel

    return model.merge_and_unload(safe_merge=True) if isinstance(model, PeftModel) else model
