"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

import pytest

from mft_core.testing import ModelAdapterTests
from mft_gpt_neox.adapter import GPTNeoX

pytestmark = pytest.mark.slow


class TestGPTNeoX(ModelAdapterTests):
    component = GPTNeoX
