"""Every weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mft_core.interfaces import TunerRequest, WholeModelTuner

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel


class Full(WholeModelTuner):
    """Trains every weight of the model, in float32, computed in `model.dtype`; the result is a whole model."""

    def words(self) -> str:
        """There is nothing more to say."""
        return "full"

    def prepare(self, model: PreTrainedModel, request: TunerRequest) -> nn.Module:
        """The model itself, all of it trained."""
        return model.requires_grad_(True)
