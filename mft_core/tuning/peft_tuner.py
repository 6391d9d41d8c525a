"""Tuners that put PEFT's modules beside frozen weights; the result is an adapter that PEFT loads without mft."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mft_core.registry.options import SomeOptions
from mft_core.tuning.adapters import load_adapter
from mft_core.tuning.fingerprint import hub_name
from mft_core.tuning.further import take_up_adapter
from mft_core.tuning.merging import merge
from mft_core.tuning.tuner import Form, Tuner, TunerRequest

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel


class PeftTuner(Tuner[SomeOptions]):
    """`prepare` makes PEFT's wrapper of the model."""

    form: ClassVar[Form] = "adapter"
    lighter: ClassVar[str] = "qlora"

    def save(self, model: nn.Module, folder: Path, tensors: Mapping[str, torch.Tensor] | None = None) -> None:
        """As PEFT saves adapters, with the base by its name on the Hub where it has one."""
        tuned: Any = model
        config = tuned.peft_config[tuned.active_adapter]
        config.base_model_name_or_path, config.revision = hub_name(Path(tuned.get_base_model().name_or_path))
        # Embeddings are never changed; PEFT's "auto" would ask the Hub about them.
        tuned.save_pretrained(folder, save_embedding_layers=False, state_dict=tensors)

    def load(self, model: PreTrainedModel, folder: Path, request: TunerRequest) -> nn.Module:
        """PEFT's wrapper around the base, strictly: what the files hold is used whole, or refused."""
        return load_adapter(model, folder)

    def take_up(self, model: nn.Module, folder: Path) -> None:
        """By PEFT, strictly; whatever else than dropout decides on what an adapter computes must be as it was."""
        take_up_adapter(model, folder)

    def merge(self, model: nn.Module) -> PreTrainedModel:
        """By PEFT, which refuses what is no change of weights."""
        return merge(model)
