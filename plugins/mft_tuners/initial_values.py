"""Initial values of LoRA's matrices: which can be trained, resumed and saved exactly, and how those are saved that take
a part of the base's weights."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.errors import UsageError
from mft_core.support.suggestions import did_you_mean
from mft_core.tuning.fingerprint import ADAPTER_CONFIG, ADAPTER_WEIGHTS

if TYPE_CHECKING:
    import torch
    from torch import nn

DEFAULT_INIT = "default"
ADDS_NOTHING = (DEFAULT_INIT, "gaussian")
"""Values with which B is zero at first, so that LoRA adds exactly nothing."""
KEEPS_BASE = re.compile(r"default|gaussian|orthogonal|mica")
CHANGES_BASE = re.compile(r"pissa|pissa_niter_\d+|olora")
"""Initial values that are subtracted from the base's weights, which then are others than those on disk."""
NEEDS_DATA = ("eva", "corda", "lora_ga")
INITIAL = "initial_adapter"


def check_initialization(init: str, dora: bool) -> None:
    """Refuse initial values of LoRA matrices (`tune.init`) that could not be trained, resumed or saved exactly.

    Raises:
        UsageError: unknown to PEFT, in need of data, or not possible beside the other options.
    """
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
    if dora and changes_base:
        raise UsageError(
            f"tune.dora does not go with tune.init = {init!r}.",
            "DoRA's row lengths would belong to the changed base: its result could not be saved for the base itself.",
        )


def check_initialization_beside_four_bits(init: str) -> None:
    """Refuse initial values that are computed from weights.

    Raises:
        UsageError: they are.
    """
    if init not in ADDS_NOTHING:
        raise UsageError(
            f"tune.init = {init!r} needs the base's dense weights, and tune.method = 'qlora' has none.",
            'Use tune.init = "default" or "gaussian".',
        )


def keep_initial_adapter(model: nn.Module) -> None:
    """Note the adapter's tensors before training, by PEFT's names: they were subtracted from the base."""
    from peft import get_peft_model_state_dict

    initial = get_peft_model_state_dict(model, save_embedding_layers=False)
    setattr(model, INITIAL, {name: tensor.detach().cpu().clone() for name, tensor in initial.items()})


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


def as_plain_lora(folder: Path, initial: Mapping[str, torch.Tensor]) -> None:
    """Rewrite an adapter for the base as it lies on disk, from which `initial` was subtracted before training.

    W - s B0 A0 + s B A is W + s [B, -B0] [A; A0]: plain LoRA of twice the rank, with the scale s unchanged.
    """
    import torch
    from safetensors.torch import load_file, save_file

    trained = load_file(folder / ADAPTER_WEIGHTS)
    doubled = {
        name: torch.cat([tensor, initial[name]], 0) if ".lora_A." in name else torch.cat([tensor, -initial[name]], 1)
        for name, tensor in trained.items()
    }
    save_file(doubled, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    config["r"] *= 2
    config["lora_alpha"] *= math.sqrt(2) if config["use_rslora"] else 2
    config["init_lora_weights"] = True
    (folder / ADAPTER_CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")
