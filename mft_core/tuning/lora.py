"""LoRA beside a model's linear layers: which layers, which initial values, and what PEFT is told."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from mft_core.errors import UsageError
from mft_core.recipe.schema import TuneSection
from mft_core.support.suggestions import did_you_mean

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel

ALL_LINEAR, FAMILY = "all-linear", "family"
QLORA = "qlora"

DEFAULT_INIT = "default"
KEEPS_BASE = re.compile(r"default|gaussian|orthogonal|mica")
CHANGES_BASE = re.compile(r"pissa|pissa_niter_\d+|olora")
"""Initial values that are subtracted from the base's weights, which then are others than those on disk."""
NEEDS_DATA = ("eva", "corda", "lora_ga")
INITIAL = "initial_adapter"
READ_NOT_CALLED = ("dt_proj",)
"""Linear modules of state-space layers whose weight alone is used, so that nothing beside it would be."""


def add_lora(model: PreTrainedModel, settings: TuneSection, family: Sequence[str], seed: int) -> nn.Module:
    """PEFT's wrapper around the model, with LoRA matrices beside the modules that `settings` names.

    Args:
        family: what the target "family" stands for; names this architecture lacks are left out.
        seed: of the matrices' initial values; the process's random state is left as it was.

    Raises:
        UsageError: no such target, or options that exclude each other or do not work on this model.
    """
    import torch
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from transformers.pytorch_utils import Conv1D

    from mft_core.nn.plain_linear import linear_modules

    check_initialization(settings)
    names = lora_modules(model, settings.targets, family)
    adapted = [module for name, module in linear_modules(model).items() if any(end in names for end in _ends(name))]
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        use_dora=settings.dora,
        use_rslora=settings.rslora,
        init_lora_weights=True if settings.init == DEFAULT_INIT else settings.init,
        target_modules=names,
        fan_in_fan_out=all(isinstance(module, Conv1D) for module in adapted),
    )
    try:
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "fan_in_fan_out is set")  # it is right for each layer, whatever we say
            torch.manual_seed(seed)
            tuned = get_peft_model(model, config)
    except (TypeError, ValueError) as error:
        raise UsageError(f"These LoRA options do not work on this model: {error}") from error
    if CHANGES_BASE.fullmatch(str(config.init_lora_weights)):
        initial = get_peft_model_state_dict(tuned, save_embedding_layers=False)
        setattr(tuned, INITIAL, {name: tensor.detach().cpu().clone() for name, tensor in initial.items()})
    return tuned


def check_initialization(settings: TuneSection) -> None:
    """Refuse initial values of LoRA matrices (`tune.init`) that could not be trained, resumed or saved exactly.

    Raises:
        UsageError: unknown to PEFT, in need of data, or not possible beside the other options.
    """
    init = settings.init
    changes_base = CHANGES_BASE.fullmatch(init)
    if init in NEEDS_DATA:
        raise UsageError(
            f"tune.init = {init!r} needs a pass over data before training, which a resumed run could not repeat.",
            'Use "pissa", "pissa_niter_16" or "olora", which need the weights only.',
        )
    if init == "loftq":
        raise UsageError(
            'tune.init = "loftq" trains beside other weights than those of the base, and nothing would hold them.',
            'Use tune.method = "qlora" with tune.init = "default".',
        )
    if not changes_base and not KEEPS_BASE.fullmatch(init):
        known = ("default", "gaussian", "orthogonal", "mica", "pissa", "pissa_niter_16", "olora")
        raise UsageError(f"There is no tune.init = {init!r}.", did_you_mean(init, known))
    if settings.method == QLORA and init not in (DEFAULT_INIT, "gaussian"):
        raise UsageError(
            f"tune.init = {init!r} needs the base's dense weights, and tune.method = 'qlora' has none.",
            'Use tune.init = "default" or "gaussian".',
        )
    if settings.dora and changes_base:
        raise UsageError(
            f"tune.dora does not go with tune.init = {init!r}.",
            "DoRA's row lengths would belong to the changed base: its result could not be saved for the base itself.",
        )


def initial_adapter(model: nn.Module) -> dict[str, torch.Tensor]:
    """The adapter's tensors before training, by PEFT's names, if they were subtracted from the base; else none."""
    return getattr(model, "__dict__", {}).get(INITIAL, {})


def initial_digest(model: nn.Module) -> str:
    """SHA-256 over `initial_adapter`, by which a resumed run knows that it trains beside the same weights; "": none."""
    import hashlib

    tensors = initial_adapter(model)
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].contiguous().numpy().tobytes())
    return digest.hexdigest() if tensors else ""


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


def _is_longer(name: str, linear: Collection[str], model: PreTrainedModel) -> bool:
    """Whether the name, "self_attn.q_proj" or that of one module, ends those of modules that shorter ones stand for."""
    meant = [module for module, _ in model.named_modules() if name in _ends(module)]
    return bool(meant) and all(any(end in linear for end in _ends(module)) for module in meant)


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
    others = {end for name, _ in model.named_modules() if name not in linear for end in _ends(name)}
    names = {next((end for end in _ends(name) if end not in others), name) for name in linear}
    config = LoraConfig(target_modules={name for name in names if not _is_refused(name, model)})
    convert_peft_config_for_transformers(config, model, conversions=None)
    return set(config.target_modules or ())


def _ends(name: str) -> Iterator[str]:
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
