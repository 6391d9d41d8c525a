"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

from mft_baichuan.adapter import Baichuan
from mft_core.testing import ModelAdapterTests


class TestBaichuanAlibi(ModelAdapterTests):
    component = Baichuan
