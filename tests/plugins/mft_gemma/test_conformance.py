"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

import pytest
import torch
from transformers import PreTrainedConfig

from helpers.tiny_models import config_of
from mft_core.testing import ModelAdapterTests
from mft_core.testing.random_models import TOLERANCE
from mft_gemma.adapter import Gemma

pytestmark = pytest.mark.slow
PARTLY_FLOAT32 = dict.fromkeys(TOLERANCE, TOLERANCE[torch.float32])


class TestGemma(ModelAdapterTests):
    component = Gemma
    tolerance = PARTLY_FLOAT32

    def config(self) -> PreTrainedConfig:
        return config_of("gemma")


class TestGemma2(ModelAdapterTests):
    component = Gemma
    tolerance = PARTLY_FLOAT32


class TestGemma3(ModelAdapterTests):
    component = Gemma
    tolerance = PARTLY_FLOAT32

    def config(self) -> PreTrainedConfig:
        return config_of("gemma3_text")
