"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

from mft_core.testing import PackerTests
from mft_packing.best_fit import BestFit
from mft_packing.padding import Dynamic, Pad
from mft_packing.sequential import Sequential


class TestPad(PackerTests):
    component = Pad


class TestDynamic(PackerTests):
    component = Dynamic


class TestSequential(PackerTests):
    component = Sequential


class TestBestFit(PackerTests):
    component = BestFit
