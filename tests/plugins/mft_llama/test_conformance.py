"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

import pytest
import torch
from transformers import PreTrainedConfig

from helpers.tiny_models import config_of
from mft_core.testing import ModelAdapterTests
from mft_core.testing.random_models import TOLERANCE
from mft_llama.adapter import Llama

PARTLY_FLOAT32 = dict.fromkeys(TOLERANCE, TOLERANCE[torch.float32])


@pytest.mark.slow
class TestLlama(ModelAdapterTests):
    component = Llama


class TestMistral(ModelAdapterTests):
    component = Llama

    def config(self) -> PreTrainedConfig:
        return config_of("mistral")


class TestMixtral(ModelAdapterTests):
    component = Llama
    tolerance = PARTLY_FLOAT32

    def config(self) -> PreTrainedConfig:
        return config_of("mixtral")
