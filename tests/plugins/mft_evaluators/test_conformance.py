"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from helpers import small_code_sets, small_databases, small_sets
from helpers.fake_endpoint import fake_endpoint, judge
from helpers.running import write_rows
from mft_core.testing import EvaluatorTests, GenerativeEvaluatorTests
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


@pytest.mark.slow
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
