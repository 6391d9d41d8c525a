"""Models that take no memory: shapes and module names without weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mft_core.errors import MftError
from mft_core.models.checkpoints.config import UNBUILDABLE

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel


def build_empty(config: PreTrainedConfig, dtype: torch.dtype) -> PreTrainedModel:
    """A model without memory, on the meta device: its shapes can be counted and its tuning prepared.

    Raises:
        MftError: transformers cannot build it.
    """
    import torch
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="eager")
    except UNBUILDABLE as error:
        raise MftError(f"config.json describes a {config.model_type} that cannot be built: {error!r}") from error
