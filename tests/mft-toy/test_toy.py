"""The conformance kit on both components."""

from __future__ import annotations

from mft_core.testing import LossTests, ModelAdapterTests
from mft_toy.loss import Fixed
from mft_toy.model import Toy


class TestFixed(LossTests):
    component = Fixed


class TestToy(ModelAdapterTests):
    component = Toy
