"""The conformance kit on everything bundled. Each family's further architectures are tested as its tiny one is."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedConfig, PreTrainedTokenizerBase

from helpers import small_code_sets, small_databases, small_sets
from helpers.fake_endpoint import fake_endpoint, judge
from helpers.running import write_rows, write_tasks
from helpers.tiny_models import config_of
from mft_baichuan.adapter import Baichuan
from mft_chatglm.adapter import ChatGLM
from mft_core import testing
from mft_core.registry.catalog import KINDS, load_entry
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.testing import (
    EvaluatorTests,
    GenerativeEvaluatorTests,
    LossTests,
    ModelAdapterTests,
    PackerTests,
    SourceTests,
    TokenizationTests,
)
from mft_core.testing.random_models import TOLERANCE
from mft_core.testing.small_tokenizers import KINDS as TOKENIZERS
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_deepseek.adapter import DeepSeek
from mft_evaluators.bleu import Bleu, CodeBleuLike
from mft_evaluators.codefuseeval import CodeFuseEval
from mft_evaluators.comment_judge import CommentJudge
from mft_evaluators.ds1000 import Ds1000
from mft_evaluators.exact_match import ExactMatch
from mft_evaluators.humaneval import HumanEval
from mft_evaluators.humaneval_x import HumanEvalX
from mft_evaluators.lm_eval_tasks import LmEval
from mft_evaluators.loss import ValidationLoss
from mft_evaluators.mbpp import Mbpp
from mft_evaluators.text2sql import Text2Sql
from mft_gemma.adapter import Gemma
from mft_glm.adapter import Glm
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
from mft_phi.adapter import Phi
from mft_qwen.adapter import Qwen
from mft_sources.folder import Folder
from mft_sources.stdlib import StandardLibrary
from mft_starcoder.adapter import StarCoder
from mft_tokenization.templates import CHATML
from mft_tokenization.tokenizations import Alpaca, Auto, Chat, ChatMl, MftCoder

WITHOUT_KIT = {"base", "callback"}
PARTLY_FLOAT32 = dict.fromkeys(TOLERANCE, TOLERANCE[torch.float32])


class TestLlama(ModelAdapterTests):
    component = Llama


class TestQwen2(ModelAdapterTests):
    component = Qwen


class TestQwen3(ModelAdapterTests):
    component = Qwen

    def config(self) -> PreTrainedConfig:
        return config_of("qwen3")


class TestQwen2Moe(ModelAdapterTests):
    component = Qwen

    def config(self) -> PreTrainedConfig:
        return config_of("qwen2_moe")


class TestQwen3Moe(ModelAdapterTests):
    component = Qwen

    def config(self) -> PreTrainedConfig:
        return config_of("qwen3_moe")


class TestChatGLM(ModelAdapterTests):
    component = ChatGLM


class TestGlm4(ModelAdapterTests):
    component = ChatGLM

    def config(self) -> PreTrainedConfig:
        return config_of("glm4")


class TestGlm(ModelAdapterTests):
    component = Glm


class TestGPTBigCode(ModelAdapterTests):
    component = StarCoder


class TestStarcoder2(ModelAdapterTests):
    component = StarCoder

    def config(self) -> PreTrainedConfig:
        return config_of("starcoder2")


class TestGPTNeoX(ModelAdapterTests):
    component = GPTNeoX


class TestMistral(ModelAdapterTests):
    component = Llama

    def config(self) -> PreTrainedConfig:
        return config_of("mistral")


class TestMixtral(ModelAdapterTests):
    component = Llama
    tolerance = PARTLY_FLOAT32

    def config(self) -> PreTrainedConfig:
        return config_of("mixtral")


class TestBaichuanAlibi(ModelAdapterTests):
    component = Baichuan


class TestPhi(ModelAdapterTests):
    component = Phi

    def config(self) -> PreTrainedConfig:
        return config_of("phi")


class TestPhi3(ModelAdapterTests):
    component = Phi


class TestGemma(ModelAdapterTests):
    component = Gemma
    tolerance = PARTLY_FLOAT32

    def config(self) -> PreTrainedConfig:
        return config_of("gemma")


class TestGemma2(ModelAdapterTests):
    component = Gemma
    tolerance = PARTLY_FLOAT32


class TestGemma3(ModelAdapterTests):
    component = Gemma
    tolerance = PARTLY_FLOAT32

    def config(self) -> PreTrainedConfig:
        return config_of("gemma3_text")


class TestDeepSeekV2(ModelAdapterTests):
    component = DeepSeek
    tolerance = PARTLY_FLOAT32

    def config(self) -> PreTrainedConfig:
        return config_of("deepseek_v2")


class TestDeepSeekV3(ModelAdapterTests):
    component = DeepSeek
    tolerance = PARTLY_FLOAT32


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


class TestHumanEval(GenerativeEvaluatorTests):
    component = HumanEval
    rows = small_sets.HUMANEVAL


class TestMbpp(GenerativeEvaluatorTests):
    component = Mbpp
    rows = small_sets.MBPP


class TestHumanEvalX(GenerativeEvaluatorTests):
    component = HumanEvalX
    rows = small_code_sets.HUMANEVAL_X_PYTHON


class TestCodeFuseEval(GenerativeEvaluatorTests):
    component = CodeFuseEval
    rows = small_code_sets.CODEFUSEEVAL["nl2code/mbpp_x"]


class TestDs1000(GenerativeEvaluatorTests):
    component = Ds1000
    rows = small_code_sets.DS1000

    def evaluator(self, batch_size: int, **options: Any) -> Ds1000:
        """With the inputs and answers, which every test reads."""
        folder = small_code_sets.write_ds1000(
            self.folders.mktemp("set") / "set", small_code_sets.DS1000, small_code_sets.ds1000_members()
        )
        given = {"data": str(folder), "batch_size": batch_size, **self.brief, **options}
        return Ds1000(Ds1000.Options.model_validate(given))


class TestExactMatch(GenerativeEvaluatorTests):
    component = ExactMatch
    rows = small_sets.PAIRS


class TestBleu(GenerativeEvaluatorTests):
    component = Bleu
    rows = small_sets.PAIRS


class TestCodeBleuLike(GenerativeEvaluatorTests):
    component = CodeBleuLike
    rows = small_sets.PAIRS


class TestText2Sql(GenerativeEvaluatorTests):
    component = Text2Sql
    rows = small_databases.SPIDER

    @pytest.fixture(autouse=True)
    def _shop(self, tmp_path: Path) -> None:
        path = small_databases.write_database(tmp_path / f"{small_databases.DATABASE}.sqlite")
        self.options = {"databases": str(path.parent)}


class TestCommentJudge(GenerativeEvaluatorTests):
    component = CommentJudge
    rows = small_sets.PAIRS

    @pytest.fixture(autouse=True)
    def _judge(self) -> Iterator[None]:
        with fake_endpoint(judge) as server:
            self.options = {"endpoint": server.url, "judge": "judge-1"}
            yield


@pytest.mark.skipif(not find_spec("lm_eval"), reason="lm_eval is not installed")
class TestLmEval(EvaluatorTests):
    component = LmEval

    @pytest.fixture(autouse=True)
    def _task(self, tmp_path: Path) -> None:
        """A harness task of two made-up questions."""
        rows = [{"question": "1 + 1 =", "choices": ["2", "3"], "answer": number} for number in (0, 1)]
        data = write_rows(tmp_path / "questions.jsonl", rows)
        (tmp_path / "sums.yaml").write_text(
            f"task: mft_sums\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {data}\n"
            "test_split: test\noutput_type: multiple_choice\n"
            'doc_to_text: "{{question}}"\ndoc_to_choice: choices\ndoc_to_target: answer\n'
            "metric_list:\n  - metric: acc\n"
        )
        self.options = {"tasks": ["mft_sums"], "folder": str(tmp_path)}


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - WITHOUT_KIT))
def test_everything_bundled_is_tested(kind: str) -> None:
    kit = getattr(testing, f"{KINDS[kind].interface.rpartition(':')[2]}Tests")
    cases = [case for case in globals().values() if isinstance(case, type) and kit in case.__mro__[1:]]
    tested = {case.component for case in cases if hasattr(case, "component")}
    entries = [entry for entry in discover(Workspace()).catalog.of_kind(kind) if entry.distribution == "mft"]
    assert {load_entry(entry) for entry in entries if not entry.missing} <= tested
    assert {entry.component.target for entry in entries} == {f"{one.__module__}:{one.__qualname__}" for one in tested}
