"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

from mft_core.testing import TunerTests
from mft_tuners.freeze import Freeze
from mft_tuners.full import Full
from mft_tuners.lora import Lora
from mft_tuners.peft_type import PeftType
from mft_tuners.qlora import QLora


class TestLora(TunerTests):
    component = Lora
    options = {"rank": 4, "dropout": 0.0}


class TestQLora(TunerTests):
    component = QLora
    options = {"rank": 4, "dropout": 0.0}


class TestFull(TunerTests):
    component = Full


class TestFreeze(TunerTests):
    component = Freeze
    options = {"layers": 1, "norms": True}


class TestPeftType(TunerTests):
    component = PeftType


class TestLoraWithWholeModules(TunerTests):
    component = Lora
    options = {"rank": 4, "dropout": 0.0, "modules_to_save": ["embed_tokens", "lm_head"]}
