"""What LoRA adapters hold beyond matrices beside linear layers: experts' fused weights, and modules trained whole."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from mft_core.errors import UsageError
from mft_core.recipe.schema import Recipe
from mft_core.support.suggestions import did_you_mean
from mft_core.tuning.targets import name_ends
from mft_tuners.initial_values import ADDS_NOTHING

if TYPE_CHECKING:
    from transformers import PreTrainedModel

EXPERTS = "experts"
FUSED_DIMENSIONS = 3
"""Of the weights of all experts of a layer in one tensor: [experts, out, in]."""


def check_experts(dropout: float, dora: bool, init: str, recipe: Recipe) -> None:
    """Refuse what PEFT's matrices beside fused weights cannot.

    Raises:
        UsageError: dropout, DoRA, initial values computed from weights, or sharding.
    """
    wrong = {
        f"tune.dropout = {dropout:g}": dropout > 0,
        "tune.dora": dora,
        f"tune.init = {init!r}": init not in ADDS_NOTHING,
        f'train.sharding = "{recipe.train.sharding}"': recipe.train.sharding != "none",
    }
    if found := [what for what, holds in wrong.items() if holds]:
        raise UsageError(
            f"tune.experts does not go with {', '.join(found)}: LoRA is added to the experts' weights themselves.",
            "Change that, or leave tune.experts out.",
        )


def expert_weights(model: PreTrainedModel) -> list[str]:
    """Names of the fused weights of experts, as PEFT matches them (`target_parameters`), sorted.

    Raises:
        UsageError: the model has none.
    """
    fused = {
        ".".join(name.split(".")[-2:])
        for name, parameter in model.named_parameters()
        if parameter.dim() == FUSED_DIMENSIONS and EXPERTS in name.split(".")
    }
    if not fused:
        raise UsageError(
            f"tune.experts: {type(model).__name__} has no experts whose weights are fused.", "Leave it out."
        )
    return sorted(fused)


def whole_modules(model: PreTrainedModel, names: Sequence[str], adapted: Collection[str]) -> list[str]:
    """The names of modules that are trained whole, checked.

    Args:
        names: ends of modules' names.
        adapted: names of the modules that get LoRA matrices.

    Raises:
        UsageError: there is no such module, LoRA adapts it, or its dtype is one in which small steps are lost.
    """
    import torch

    if not names:
        return []
    if model.dtype not in (torch.float32, torch.float64):
        raise UsageError(
            "tune.modules_to_save trains weights in the base's own dtype, and in "
            f"{str(model.dtype).removeprefix('torch.')} small steps are rounded away.",
            "Set model.dtype = float32; or train the last layers, head and embeddings with tune.method = freeze.",
        )
    with_weights = [name for name, module in model.named_modules() if next(module.parameters(), None) is not None]
    ends = {end for name in with_weights for end in name_ends(name)}
    for name in names:
        if name in adapted:
            raise UsageError(f"tune.modules_to_save: LoRA adapts {name!r} already.", "Leave it out of tune.targets.")
        if name not in ends:
            raise UsageError(f"tune.modules_to_save: this model has no module {name!r}.", did_you_mean(name, ends))
    return list(names)
