"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

import pytest

from mft_core.testing import LossTests
from mft_losses.align import Align
from mft_losses.balanced import Balanced
from mft_losses.coba import Coba
from mft_losses.dynamic_average import DynamicWeightAverage
from mft_losses.famo import Famo
from mft_losses.famo_train import FamoTrain
from mft_losses.focal import FocalSample, FocalTask
from mft_losses.mixed import Mixed
from mft_losses.power import Power
from mft_losses.random_weights import RandomWeights
from mft_losses.robust import GroupRobust
from mft_losses.uncertainty import Uncertainty


@pytest.mark.slow
class TestBalanced(LossTests):
    component = Balanced


@pytest.mark.slow
class TestBalancedBySamples(LossTests):
    component = Balanced
    options = {"by": "samples", "normalize": "step"}


@pytest.mark.slow
class TestMixed(LossTests):
    component = Mixed


@pytest.mark.slow
class TestMixedBySamples(LossTests):
    component = Mixed
    options = {"by": "samples", "normalize": "step"}


class TestFamo(LossTests):
    component = Famo


class TestFamoBySamples(LossTests):
    component = Famo
    options = {"by": "samples", "normalize": "step"}


class TestFamoDividedByNothing(LossTests):
    component = Famo
    options = {"divide_by": "nothing"}


class TestFamoByFirstLoss(LossTests):
    component = Famo
    options = {"divide_by": "first-loss"}


class TestFamoTrain(LossTests):
    component = FamoTrain


class TestCoba(LossTests):
    component = Coba
    options = {"warmup": 5, "window": 10}


class TestUncertainty(LossTests):
    component = Uncertainty


class TestDynamicWeightAverage(LossTests):
    component = DynamicWeightAverage
    options = {"window": 4}


class TestGroupRobust(LossTests):
    component = GroupRobust


class TestAlign(LossTests):
    component = Align


class TestRandomWeights(LossTests):
    component = RandomWeights


class TestPower(LossTests):
    component = Power


class TestFocalSample(LossTests):
    component = FocalSample


@pytest.mark.slow
class TestFocalTask(LossTests):
    component = FocalTask


class TestFocalTaskOnRunningMeans(LossTests):
    component = FocalTask
    options = {"statistics": "running"}
