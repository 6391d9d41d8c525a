"""What other tools call weights that are spread over processes, by FSDP or DeepSpeed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mft_core.importing.importer import Conversion

HYBRID = "hybrid_shard"
"""In each of its names: `hybrid_shard auto_wrap`, `HYBRID_SHARD`, `_HYBRID_SHARD_ZERO2`, `hybrid_shard_zero2`."""
HYBRID_NUMBERS = ("4", "5")
"""Torch's numbers of the same, which accelerate takes for names."""
STRATEGY, COPIES, MICS = "sharding_strategy", "replicate_size", "mics_shard_size"


def shards(conversion: Conversion, keys: Sequence[str] = ("deepspeed", "fsdp", "dp_replicate_size")) -> None:
    """Spread weights over processes where they were: over those of each machine, if each had a copy."""
    settings = conversion.take("fsdp_config")
    for key in keys:
        wanted = conversion.take(key)
        hybrid = is_hybrid({key: wanted})
        if wanted is None or (key == "dp_replicate_size" and not hybrid):
            continue
        kind = "hybrid" if hybrid or is_hybrid(settings) else "full"
        conversion.set("train.sharding", kind)
        conversion.remark(f"train.sharding = {kind} stands for {key}: {wanted}; it matters with several processes.")
    conversion.leave("fsdp_config", "train.sharding has no further settings")


def is_hybrid(wanted: Any) -> bool:
    """Whether settings of FSDP or DeepSpeed, with all that is in them, want several copies that are spread each."""
    if not isinstance(wanted, Mapping):
        return HYBRID in str(wanted).lower()
    for key, value in wanted.items():
        if str(key).endswith(STRATEGY) and str(value) in HYBRID_NUMBERS:
            return True
        if str(key).endswith(COPIES) and int(value or 1) > 1:
            return True
        if key == MICS and int(value or 0) > 0:
            return True
    return any(map(is_hybrid, wanted.values()))
