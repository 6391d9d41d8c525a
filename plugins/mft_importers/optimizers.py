"""The names of transformers' optimizers, and what takes their place here."""

from __future__ import annotations

from typing import Any

from mft_core.importing.importer import Conversion

ADAMW = ("adamw_torch", "adamw_torch_fused", "adamw_hf", "adamw", "adamw_apex_fused")
STORED = {"name": "adamw-8bit"}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    **{key: {"name": "adamw"} for key in ADAMW},
    **dict.fromkeys(("adamw_8bit", "adamw_bnb_8bit"), STORED),
    "paged_adamw_8bit": {**STORED, "paged": True},
    **{key: {**STORED, "bits": 32, "paged": True} for key in ("paged_adamw", "paged_adamw_32bit")},
    "adafactor": {"name": "adafactor"},
    **{key: {"name": "lion"} for key in ("lion", "lion_32bit")},
    "lion_8bit": {"name": "lion", "bits": 8},
    **{key: {"name": "lion", "paged": True} for key in ("paged_lion", "paged_lion_32bit")},
    "paged_lion_8bit": {"name": "lion", "bits": 8, "paged": True},
    "muon": {"name": "muon"},
    "schedule_free_adamw": {"name": "schedule-free"},
    "sgd": {"name": "sgd"},
}
"""Names of `optim` in transformers' TrainingArguments -> `train.optimizer`."""
OUR_BETAS, OUR_EPS = (0.9, 0.95), 1e-8
WITHOUT_BETAS = ("adafactor", "sgd")
BETAS = ("adam_beta1", "adam_beta2")


def optimizer(conversion: Conversion, key: str, betas: tuple[float, float] = (0.9, 0.999)) -> None:
    """What takes the steps, and its options.

    Args:
        key: of its name.
        betas: of Adam's kin where they are not given.
    """
    name = str(conversion.take(key, ADAMW[0]))
    chosen = dict(OPTIMIZERS.get(name, OPTIMIZERS[ADAMW[0]]))
    if name not in OPTIMIZERS:
        conversion.leave(key, "it is adamw now: `mft list optimizer` shows what there is")
    if chosen["name"] not in WITHOUT_BETAS:
        _betas(conversion, chosen, betas)
    if chosen["name"] == "schedule-free":
        conversion.set("train.schedule", "constant")
        conversion.remark("schedule-free: its warm-up is the optimizer's own option warmup_steps")
    if chosen != {"name": "adamw"}:
        conversion.set("train.optimizer", chosen if len(chosen) > 1 else chosen["name"])


def _betas(conversion: Conversion, chosen: dict[str, Any], usual: tuple[float, float]) -> None:
    given = tuple(float(conversion.take(key, default)) for key, default in zip(BETAS, usual, strict=True))
    eps = float(conversion.take("adam_epsilon", OUR_EPS))
    is_lion = chosen["name"] == "lion"  # whose usual betas are its own, here as there
    if given != (usual if is_lion else OUR_BETAS):
        chosen["betas"] = list(given)
    if not is_lion and eps != OUR_EPS:
        chosen["eps"] = eps


def rate_of_b(conversion: Conversion, key: str) -> None:
    """LoRA+: how many times the learning rate LoRA's B has."""
    ratio = conversion.take(key)
    if ratio is not None:
        conversion.set("train.rate_factors", {"lora_B": float(ratio)})
