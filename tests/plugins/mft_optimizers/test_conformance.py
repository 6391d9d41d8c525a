"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

from mft_core.testing import OptimizerTests
from mft_optimizers.adafactor import Adafactor
from mft_optimizers.adamw import AdamW
from mft_optimizers.eight_bit import AdamW8Bit, Lion
from mft_optimizers.muon import Muon
from mft_optimizers.schedule_free import ScheduleFree
from mft_optimizers.sgd import Sgd


class TestAdamW(OptimizerTests):
    component = AdamW


class TestAdamW8Bit(OptimizerTests):
    component = AdamW8Bit


class TestAdamW32Bit(OptimizerTests):
    component = AdamW8Bit
    options = {"bits": 32, "paged": True}


class TestAdafactor(OptimizerTests):
    component = Adafactor


class TestLion(OptimizerTests):
    component = Lion


class TestLion8Bit(OptimizerTests):
    component = Lion
    options = {"bits": 8}


class TestMuon(OptimizerTests):
    component = Muon


class TestScheduleFree(OptimizerTests):
    component = ScheduleFree
    schedule = "constant"


class TestSgd(OptimizerTests):
    component = Sgd


class TestSgdWithMomentum(OptimizerTests):
    component = Sgd
    options = {"momentum": 0.9}
