"""Answers compared with given ones: where the references come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.running import write_rows
from mft_core.errors import MftError, UsageError
from mft_core.evaluation.evaluator import EvaluationRequest
from mft_core.evaluation.items import Item, Verdict
from mft_core.evaluation.references import ReferenceEvaluator, ReferenceOptions
from mft_core.records import Record, Turn


class Same(ReferenceEvaluator):
    """Is it word for word the same?"""

    name = "same"

    def judge(self, item: Item, completion: str) -> Verdict:
        return Verdict.of(completion == self.reference(item))


def same(**options: object) -> Same:
    return Same(ReferenceOptions.model_validate(options))


def test_a_file_gives_its_records_under_their_ids(tmp_path: Path) -> None:
    rows = [
        {"id": "x1", "prompt": "one?", "response": "1"}, {"prompt": "two?", "response": " 2 "}, {"text": "no answer"},
    ]  # fmt: skip
    notices: list[str] = []
    evaluator = same(data=str(write_rows(tmp_path / "pairs.jsonl", rows)))
    items = evaluator.items(EvaluationRequest(tmp_path, on_notice=notices.append))
    assert [item.task_id for item in items] == ["x1", "2"]
    assert evaluator.prompt(items[0]) == [Turn("user", "one?")]
    assert evaluator.reference(items[1]) == " 2 "
    assert evaluator.post_process(items[0], "\n1 ") == "1"
    assert notices == ["same: 1 plain texts have no answer to compare with"]


def test_thoughts_are_not_compared(tmp_path: Path) -> None:
    rows = [{"prompt": "one?", "response": "<think>\none more than none\n</think>\n\n1"}]
    evaluator = same(data=str(write_rows(tmp_path / "pairs.jsonl", rows)))
    (item,) = evaluator.items(EvaluationRequest(tmp_path))
    assert evaluator.reference(item) == "1"
    for text in ("<think>hm</think>1", "1", "hm\n</think>\n\n1\n"):
        assert evaluator.judge(item, evaluator.post_process(item, text)).outcome == "pass"


def test_a_run_gives_its_validation_tasks(tmp_path: Path) -> None:
    records = {name: [Record(turns=(Turn("user", name), Turn("assistant", "yes")))] * 2 for name in ("a", "b")}
    request = EvaluationRequest(tmp_path, records=lambda: records)
    assert [(item.task_id, item.group) for item in same(tasks=["b"]).items(request)] == [("b/0", "b"), ("b/1", "b")]
    assert len(same().items(request)) == 4
    with pytest.raises(UsageError, match="the run has no task 'c'"):
        same(tasks=["c"]).items(request)


def test_without_references_it_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none are given") as caught:
        same().items(EvaluationRequest(tmp_path))
    assert "--set eval.same.data=PATH" in caught.value.hint


def test_a_record_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "pairs.jsonl", [{"prompt": "q", "response": "a"}, {"prompt": "q", "response": ""}])
    with pytest.raises(MftError, match=r"pairs\.jsonl, record 2: empty response"):
        same(data=str(path)).check()
