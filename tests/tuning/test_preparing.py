"""What every tuner finds done, and what is refused of any."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import PreTrainedModel

from helpers.tiny_models import load_tiny
from mft_core.errors import MftError
from mft_core.interfaces import Tuner, TunerRequest
from mft_core.models.building import build_empty
from mft_core.testing.tuned_models import tuner_of
from mft_core.tuning.preparing import prepare_for_tuning, skeleton_for_tuning


class Nothing(Tuner):
    """Trains nothing."""

    def words(self) -> str:
        return "nothing"

    def prepare(self, model: PreTrainedModel, request: TunerRequest) -> nn.Module:
        return model.requires_grad_(False)


def test_a_tuner_that_trains_nothing_of_the_model_is_refused_by_its_words(tmp_path: Path) -> None:
    with pytest.raises(MftError, match=r"\[tune\] nothing: no parameter of this model is trained by it"):
        prepare_for_tuning(load_tiny("llama", tmp_path), Nothing(), TunerRequest())


def test_activations_are_computed_again_where_that_is_asked_for(tmp_path: Path) -> None:
    model = load_tiny("llama", tmp_path)
    assert not model.is_gradient_checkpointing
    prepare_for_tuning(model, tuner_of(method="full"), TunerRequest(gradient_checkpointing=True))
    assert model.is_gradient_checkpointing


@pytest.mark.parametrize("method", ["lora", "qlora", "full"])
def test_a_skeleton_has_the_shapes_of_the_model_that_is_trained(method: str, tmp_path: Path) -> None:
    model = load_tiny("llama", tmp_path)
    base = build_empty(model.config, torch.float32)
    skeleton = skeleton_for_tuning(base, tuner_of(method=method, rank=4), TunerRequest())
    dense = "lora" if method == "qlora" else method
    tuned = prepare_for_tuning(model, tuner_of(method=dense, rank=4), TunerRequest())
    shapes = {name: (p.shape, p.requires_grad) for name, p in tuned.named_parameters()}
    assert {name: (p.shape, p.requires_grad) for name, p in skeleton.named_parameters()} == shapes
    assert all(parameter.is_meta for parameter in skeleton.parameters())
