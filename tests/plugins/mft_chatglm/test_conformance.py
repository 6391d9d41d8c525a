"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

from transformers import PreTrainedConfig

from helpers.tiny_models import config_of
from mft_chatglm.adapter import ChatGLM
from mft_core.testing import ModelAdapterTests


class TestChatGLM(ModelAdapterTests):
    component = ChatGLM


class TestGlm4(ModelAdapterTests):
    component = ChatGLM

    def config(self) -> PreTrainedConfig:
        return config_of("glm4")
