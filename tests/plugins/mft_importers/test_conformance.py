from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from mft_core.testing import ImporterTests
from mft_importers.axolotl import Axolotl
from mft_importers.llama_factory import LlamaFactory
from mft_importers.llama_factory_v1 import LlamaFactoryV1
from mft_importers.mftcoder import MftCoder
from mft_importers.ms_swift import MsSwift
from mft_importers.trl import Trl


class TestLlamaFactory(ImporterTests):
    component = LlamaFactory

    @pytest.fixture
    def config(self) -> Mapping[str, Any]:
        return {"stage": "pt", "model_name_or_path": "org/model", "dataset": ["a", "b"], "finetuning_type": "full"}


class TestLlamaFactoryV1(ImporterTests):
    component = LlamaFactoryV1

    @pytest.fixture
    def config(self) -> Mapping[str, Any]:
        return {"model": "org/model", "model_class": "llm", "train_dataset": "org/data", "quant_config": None}


class TestAxolotl(ImporterTests):
    component = Axolotl

    @pytest.fixture
    def config(self) -> Mapping[str, Any]:
        return {"base_model": "org/model", "datasets": [{"path": "org/data", "type": "completion", "field": "code"}]}


class TestMsSwift(ImporterTests):
    component = MsSwift

    @pytest.fixture
    def config(self) -> Mapping[str, Any]:
        return {"model": "org/model", "train_type": "full", "dataset": "org/data:sub"}


class TestMftCoder(ImporterTests):
    component = MftCoder

    @pytest.fixture
    def config(self) -> Mapping[str, Any]:
        return {"pretrained_model_path": "org/model", "data_paths": "[a,b]", "weighted_loss_mode": "selfpaced"}


class TestTrl(ImporterTests):
    component = Trl

    @pytest.fixture
    def config(self) -> Mapping[str, Any]:
        return {"model_name_or_path": "org/model", "datasets": [{"path": "org/data", "name": "sub"}]}
