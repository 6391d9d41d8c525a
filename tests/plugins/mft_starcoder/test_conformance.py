"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

from transformers import PreTrainedConfig

from helpers.tiny_models import config_of
from mft_core.testing import ModelAdapterTests
from mft_starcoder.adapter import StarCoder


class TestGPTBigCode(ModelAdapterTests):
    component = StarCoder


class TestStarcoder2(ModelAdapterTests):
    component = StarCoder

    def config(self) -> PreTrainedConfig:
        return config_of("starcoder2")
