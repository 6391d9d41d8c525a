"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

from transformers import PreTrainedConfig

from helpers.tiny_models import config_of
from mft_core.testing import ModelAdapterTests
from mft_qwen.adapter import Qwen


class TestQwen2(ModelAdapterTests):
    component = Qwen


class TestQwen3(ModelAdapterTests):
    component = Qwen

    def config(self) -> PreTrainedConfig:
        return config_of("qwen3")


class TestQwen2Moe(ModelAdapterTests):
    component = Qwen

    def config(self) -> PreTrainedConfig:
        return config_of("qwen2_moe")


class TestQwen3Moe(ModelAdapterTests):
    component = Qwen

    def config(self) -> PreTrainedConfig:
        return config_of("qwen3_moe")
