"""Tuners that train weights of the model itself; the result is a whole model, for plain transformers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from mft_core.registry.options import SomeOptions
from mft_core.tuning.tuner import Form, Tuner

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel


class WholeModelTuner(Tuner[SomeOptions]):
    """`prepare` chooses which weights require gradients; all of them are saved."""

    form: ClassVar[Form] = "model"
    trains_base: ClassVar[bool] = True
    lighter: ClassVar[str] = "lora"

    @property
    def starts_as_base(self) -> bool:
        """Nothing is added to it."""
        return True

    def save(self, model: nn.Module, folder: Path, tensors: Mapping[str, torch.Tensor] | None = None) -> None:
        """The whole model; a base's own ways of holding weights that were opened for training are closed again."""
        from mft_core.models.checkpoints.folded_weights import folded_tensors

        native: Any = model
        native.save_pretrained(folder, state_dict=folded_tensors(native, tensors))

    def merge(self, model: nn.Module) -> PreTrainedModel:
        """It is one."""
        return cast("PreTrainedModel", model)
