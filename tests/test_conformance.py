"""The conformance kit on everything bundled. Each family's further architectures are tested as its tiny one is."""

from __future__ import annotations

from pathlib import Path

import pytest
from running import write_tasks
from tiny_models import config_of
from transformers import PreTrainedConfig, PreTrainedTokenizerBase

from mft_core import testing
from mft_core.catalog import KINDS, load_entry
from mft_core.discovery import discover
from mft_core.testing import (
    EvaluatorTests,
    LossTests,
    ModelAdapterTests,
    PackerTests,
    SourceTests,
    TokenizationTests,
)
from mft_core.testing.small_tokenizers import KINDS as TOKENIZERS
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_core.workspace import Workspace
from mft_evaluators.loss import ValidationLoss
from mft_gpt_neox.adapter import GPTNeoX
from mft_llama.adapter import Llama
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
from mft_packing.best_fit import BestFit
from mft_packing.padding import Dynamic, Pad
from mft_packing.sequential import Sequential
from mft_qwen.adapter import Qwen
from mft_sources.folder import Folder
from mft_sources.stdlib import StandardLibrary
from mft_starcoder.adapter import StarCoder
from mft_tokenization.templates import CHATML
from mft_tokenization.tokenizations import Alpaca, Auto, Chat, ChatMl, MftCoder

WITHOUT_KIT = {"base"}


class TestLlama(ModelAdapterTests):
    component = Llama


class TestQwen2(ModelAdapterTests):
    component = Qwen


class TestQwen3(ModelAdapterTests):
    component = Qwen

    def config(self) -> PreTrainedConfig:
        return config_of("qwen3")


class TestGPTBigCode(ModelAdapterTests):
    component = StarCoder


class TestStarcoder2(ModelAdapterTests):
    component = StarCoder

    def config(self) -> PreTrainedConfig:
        return config_of("starcoder2")


class TestGPTNeoX(ModelAdapterTests):
    component = GPTNeoX


class TestFolder(SourceTests):
    component = Folder

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return write_tasks(tmp_path / "tasks")


class TestStandardLibrary(SourceTests):
    component = StandardLibrary

    @pytest.fixture
    def cache(self, stdlib_cache: Path) -> Path:
        return stdlib_cache


class TestMftCoder(TokenizationTests):
    component = MftCoder

    @pytest.fixture(params=TOKENIZERS)
    def tokenizer(self, request: pytest.FixtureRequest) -> PreTrainedTokenizerBase:
        return small_tokenizer(request.param)


class TestAlpaca(TestMftCoder):
    component = Alpaca


class TestAuto(TestMftCoder):
    component = Auto


class TestChatMl(TokenizationTests):
    component = ChatMl

    @pytest.fixture(params=[kind for kind in TOKENIZERS if kind.startswith("byte")])
    def tokenizer(self, request: pytest.FixtureRequest) -> PreTrainedTokenizerBase:
        return small_tokenizer(request.param, chat_template=CHATML)


class TestChat(TestChatMl):
    component = Chat


class TestPad(PackerTests):
    component = Pad


class TestDynamic(PackerTests):
    component = Dynamic


class TestSequential(PackerTests):
    component = Sequential


class TestBestFit(PackerTests):
    component = BestFit


class TestBalanced(LossTests):
    component = Balanced


class TestBalancedBySamples(LossTests):
    component = Balanced
    options = {"by": "samples", "normalize": "step"}


class TestMixed(LossTests):
    component = Mixed


class TestMixedBySamples(LossTests):
    component = Mixed
    options = {"by": "samples", "normalize": "step"}


class TestFamo(LossTests):
    component = Famo


class TestFamoBySamples(LossTests):
    component = Famo
    options = {"by": "samples", "normalize": "step"}


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


class TestRandomWeights(LossTests):
    component = RandomWeights


class TestPower(LossTests):
    component = Power


class TestFocalSample(LossTests):
    component = FocalSample


class TestFocalTask(LossTests):
    component = FocalTask


class TestFocalTaskOnRunningMeans(LossTests):
    component = FocalTask
    options = {"statistics": "running"}


class TestValidationLoss(EvaluatorTests):
    component = ValidationLoss


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - WITHOUT_KIT))
def test_everything_bundled_is_tested(kind: str) -> None:
    kit = getattr(testing, f"{KINDS[kind].interface}Tests")
    tested = {case.component for case in globals().values() if isinstance(case, type) and kit in case.__mro__[1:]}
    entries = [entry for entry in discover(Workspace()).catalog.of_kind(kind) if entry.distribution == "mft"]
    assert entries
    assert {load_entry(entry) for entry in entries} == tested
