"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

from transformers import PreTrainedConfig

from helpers.tiny_models import config_of
from mft_core.testing import ModelAdapterTests
from mft_phi.adapter import Phi


class TestPhi(ModelAdapterTests):
    component = Phi

    def config(self) -> PreTrainedConfig:
        return config_of("phi")


class TestPhi3(ModelAdapterTests):
    component = Phi
