"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

from mft_core.testing import LossTests
from mft_torchjd.aligned_mtl import AlignedMtl
from mft_torchjd.cagrad import CaGrad
from mft_torchjd.fairgrad import FairGrad
from mft_torchjd.gradvac import GradVac
from mft_torchjd.imtl_g import ImtlG
from mft_torchjd.mgda import Mgda
from mft_torchjd.nash_mtl import NashMtl
from mft_torchjd.pcgrad import PcGrad
from mft_torchjd.upgrad import UpGrad


class TestMgda(LossTests):
    component = Mgda


class TestPcGrad(LossTests):
    component = PcGrad
    steps = 1


class TestGradVac(LossTests):
    component = GradVac
    steps, many = 3, 40


class TestCaGrad(LossTests):
    component = CaGrad
    steps = 5


class TestImtlG(LossTests):
    component = ImtlG


class TestAlignedMtl(LossTests):
    component = AlignedMtl


class TestNashMtl(LossTests):
    component = NashMtl
    steps, many = 2, 6


class TestUpGrad(LossTests):
    component = UpGrad
    steps = 1


class TestFairGrad(LossTests):
    component = FairGrad
    steps = 1
