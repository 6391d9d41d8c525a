"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

from mft_core.testing import ModelAdapterTests
from mft_glm.adapter import Glm


class TestGlm(ModelAdapterTests):
    component = Glm
