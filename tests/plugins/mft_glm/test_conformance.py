"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

import pytest

from mft_core.testing import ModelAdapterTests
from mft_glm.adapter import Glm

pytestmark = pytest.mark.slow


class TestGlm(ModelAdapterTests):
    component = Glm
