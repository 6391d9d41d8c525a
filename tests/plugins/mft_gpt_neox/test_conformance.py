"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

from mft_core.testing import ModelAdapterTests
from mft_gpt_neox.adapter import GPTNeoX


class TestGPTNeoX(ModelAdapterTests):
    component = GPTNeoX
