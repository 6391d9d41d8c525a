"""Which modules of a model adapters are put beside, by the names that PEFT matches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from mft_core.errors import UsageError
from mft_core.support.suggestions import did_you_mean

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ALL_LINEAR, FAMILY = "all-linear", "family"
READ_NOT_CALLED = ("dt_proj",)
"""Linear modules of state-space layers whose weight alone is used, so that nothing beside it would be."""


def lora_modules(model: PreTrainedModel, targets: str | Sequence[str], family: Sequence[str] = ()) -> list[str]:
    """Names of the modules that get LoRA matrices, as PEFT matches them, sorted.

    Args:
        family: what the target "family" stands for; nothing: all linear modules.

    Raises:
        UsageError: a target that names no linear module (the message lists what there is), or there is none at all.
    """
    linear = _linear_names(model)
    if not linear:
        raise UsageError(
            f"{type(model).__name__} has no linear module that LoRA could adapt.", "Train it with tune.method = full."
        )
    if targets == ALL_LINEAR or (targets == FAMILY and not family):
        return sorted(linear)
    wanted = [targets] if isinstance(targets, str) else list(targets)
    if targets == FAMILY:
        wanted = sorted(linear.intersection(family))
        if not wanted:
            there = ", ".join(sorted(linear))
            raise UsageError(f"tune.targets: none of the family's modules is in this model; there is: {there}.")
    for name in wanted:
        if name not in linear and not _is_longer(name, linear, model):
            raise UsageError(f"tune.targets: this model has no linear module {name!r}.", did_you_mean(name, linear))
    return sorted(wanted)


def are_transposed(model: PreTrainedModel, names: Collection[str]) -> bool:
    """Whether all modules that `lora_modules` means by its names hold their weights as [in, out]."""
    from transformers.pytorch_utils import Conv1D

    from mft_core.nn.plain_linear import linear_modules

    linear = linear_modules(model).items()
    return all(isinstance(module, Conv1D) for name, module in linear if any(end in names for end in name_ends(name)))


def _is_longer(name: str, linear: Collection[str], model: PreTrainedModel) -> bool:
    """Whether the name, "self_attn.q_proj" or that of one module, ends those of modules that shorter ones stand for."""
    meant = [module for module, _ in model.named_modules() if name in name_ends(module)]
    return bool(meant) and all(any(end in linear for end in name_ends(module)) for module in meant)


def _linear_names(model: PreTrainedModel) -> set[str]:
    """Ends of the names of all linear modules but the head, and but those that PEFT takes for something else.

    An end is the last part of a name, or as many as it takes to tell a linear module from all that is none.

    In a mixture of experts, it takes gate_proj, up_proj and down_proj for the experts' fused parameters, wherever else
    they stand, here as well as in whatever loads the adapter later.
    """
    from peft import LoraConfig
    from peft.utils.transformers_weight_conversion import convert_peft_config_for_transformers

    from mft_core.nn.plain_linear import linear_modules

    linear = linear_modules(model)
    others = {end for name, _ in model.named_modules() if name not in linear for end in name_ends(name)}
    names = {next((end for end in name_ends(name) if end not in others), name) for name in linear}
    config = LoraConfig(target_modules={name for name in names if not _is_refused(name, model)})
    convert_peft_config_for_transformers(config, model, conversions=None)
    return set(config.target_modules or ())


def name_ends(name: str) -> Iterator[str]:
    """The last part of a module's name, the last two, and so on."""
    parts = name.split(".")
    return (".".join(parts[place:]) for place in reversed(range(len(parts))))


def _is_refused(name: str, model: PreTrainedModel) -> bool:
    """Whether a module of this name is not to be adapted: state-space layers read its weight without calling it."""
    from peft import LoraConfig
    from peft.tuners.tuners_utils import _check_lora_target_modules_mamba

    last = name.rpartition(".")[2]
    try:
        _check_lora_target_modules_mamba(LoraConfig(), model, last)
    except ValueError:
        return True
    return last in READ_NOT_CALLED
