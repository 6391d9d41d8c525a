"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

import torch
from transformers import PreTrainedConfig

from helpers.tiny_models import config_of
from mft_core.testing import ModelAdapterTests
from mft_core.testing.random_models import TOLERANCE
from mft_deepseek.adapter import DeepSeek

PARTLY_FLOAT32 = dict.fromkeys(TOLERANCE, TOLERANCE[torch.float32])


class TestDeepSeekV2(ModelAdapterTests):
    component = DeepSeek
    tolerance = PARTLY_FLOAT32

    def config(self) -> PreTrainedConfig:
        return config_of("deepseek_v2")


class TestDeepSeekV3(ModelAdapterTests):
    component = DeepSeek
    tolerance = PARTLY_FLOAT32
