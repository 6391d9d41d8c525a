"""The conformance kit on all components."""

from __future__ import annotations

from mft_core.testing import LossTests, MakerTests, ModelAdapterTests, OptimizerTests
from mft_toy.loss import Fixed
from mft_toy.maker import Sums
from mft_toy.model import Toy
from mft_toy.optimizer import Signs


class TestFixed(LossTests):
    component = Fixed


class TestToy(ModelAdapterTests):
    component = Toy


class TestSigns(OptimizerTests):
    component = Signs


class TestSums(MakerTests):
    component = Sums
    script = {"question": lambda messages, sample: f"What is {messages[-1][1]}?"}
