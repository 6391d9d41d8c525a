"""Models without memory."""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig

from helpers.tiny_models import SMALL
from mft_core.errors import MftError
from mft_core.models.building import build_empty


def test_a_model_has_its_shapes_and_no_numbers() -> None:
    model = build_empty(LlamaConfig(**SMALL), torch.bfloat16)
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert model.get_input_embeddings().weight.shape == (SMALL["vocab_size"], SMALL["hidden_size"])


def test_a_configuration_of_no_model_is_named() -> None:
    config = LlamaConfig(**SMALL)
    config.hidden_act = "unheard-of"
    with pytest.raises(MftError, match="describes a llama that cannot be built"):
        build_empty(config, torch.float32)
