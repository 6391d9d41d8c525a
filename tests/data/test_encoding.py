"""Lines to tokens: what is too long is dropped, cut or split, and counted."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from helpers.token_data import one_task, pair, prepare, task_file
from mft_core.records import Sample, TaskFiles
from mft_tokenization.tokenizations import Chat


def test_overlong_records_are_dropped_or_cut_and_counted(tmp_path: Path) -> None:
    long_answer, long_question = pair(7, 200), {"prompt": "why " * 200, "response": "so"}
    records = [pair(number) for number in range(6)] + [long_answer, long_question]
    (dropped,) = one_task(tmp_path, records, max_length=60)
    assert (dropped.report.overlong, dropped.report.truncated, dropped.report.bad) == (2, 0, {})
    assert dropped.report.train + dropped.report.valid == 6
    assert f"{tmp_path}/t/train.jsonl:7 over-long" in dropped.report.examples[0]
    (cut,) = one_task(tmp_path, records, max_length=60, overlong="truncate")
    assert (cut.report.overlong, cut.report.truncated) == (1, 1)
    assert cut.report.train + cut.report.valid == 7
    assert max(cut.train.lengths.max(), cut.valid.lengths.max()) == 60
    assert min(cut.train.supervised_counts.min(), cut.valid.supervised_counts.min()) > 0


def chained(parts: list[Sample]) -> list[int]:
    """The text that parts are of: each begins with the last token of the one before it."""
    assert all(left.ids[-1] == right.ids[0] for left, right in itertools.pairwise(parts))
    return [int(parts[0].ids[0]), *(int(token) for part in parts for token in part.ids[1:])]


@pytest.mark.parametrize("words", [20, 21, 22, 39, 40, 41, 150])
def test_a_long_text_is_split_and_each_of_its_tokens_is_a_target_once(tmp_path: Path, words: int) -> None:
    text = {"text": " ".join(str(number % 10) for number in range(words))}
    (whole,) = one_task(tmp_path / "whole", [text], max_length=1000)
    (task,) = one_task(tmp_path / "split", [text], max_length=20, overlong="split")
    original = whole.train.sample(0)
    parts = [task.train.sample(number) for number in range(len(task.train))]
    assert chained(parts) == original.ids.tolist()
    assert all(part.supervised.tolist() == [False] + [True] * (len(part.ids) - 1) for part in parts)
    assert all(len(part.ids) == 20 for part in parts[:-1])
    assert 2 <= len(parts[-1].ids) <= 20
    assert task.report.supervised == whole.report.supervised == len(original.ids) - 1
    assert task.train.supervised_counts.tolist() == [int(part.supervised.sum()) for part in parts]
    was_split = len(original.ids) > 20
    assert (task.report.split, task.report.parts) == ((1, len(parts)) if was_split else (0, 0))
    assert task.train.records == 1


def test_splitting_is_counted_and_conversations_are_dropped(tmp_path: Path) -> None:
    texts_ = [{"text": f"{number} " * (3 + 60 * (number % 3))} for number in range(30)]
    segments = {"segments": [{"text": "1 " * 90, "label": False}, {"text": "2", "label": True}]}
    (task,) = one_task(tmp_path, [*texts_, texts_[2], pair(1), pair(2, 90), segments], max_length=50, overlong="split")
    report = task.report
    assert (report.overlong, report.truncated, report.bad) == (2, 0, {})
    assert report.split > 10
    assert report.read - report.split + report.parts == report.train + report.valid + report.overlong
    assert report.duplicates == (report.train + report.valid > 0) * 1
    assert report.overlap == 0
    sides = [{store.origin(number) for number in range(len(store))} for store in (task.train, task.valid)]
    assert not sides[0] & sides[1], "parts of one text train and validate"
    assert "over-long" in report.examples[0]


class Unended(Chat):
    """Roles without an end token between them, so that every answer is learned in a sample of its own."""

    def template(self, tokenizer: object) -> str:
        return (
            "{% for m in messages %}{{ ('Human: ' if m.role == 'user' else 'AI: ') + m.content + '\\n' }}{% endfor %}"
            "{% if add_generation_prompt %}{{ 'AI: ' }}{% endif %}"
        )


def rounds(number: int, *answers: str) -> dict:
    pairs = [
        {"role": role, "content": content}
        for answer in answers
        for role, content in (("user", f"question {number}"), ("assistant", answer))
    ]
    return {"messages": pairs}


def test_a_conversation_that_is_learned_in_several_samples_is_counted(tmp_path: Path) -> None:
    records = [*(rounds(number, "a", "b", "c") for number in range(4)), rounds(4, "a"), rounds(5, "a", "b " * 90)]
    files = [TaskFiles("t", (task_file(tmp_path / "t" / "train.jsonl", records),))]
    (task,) = prepare(files, tmp_path / "cache", Unended, max_length=60)
    report = task.report
    assert (report.read, report.split, report.parts, report.overlong) == (6, 4, 12, 1)
    assert report.train + report.valid == 13
    assert task.train.records + task.valid.records == 5
    assert report.duplicates == report.overlap == 0
    (cut,) = prepare(files, tmp_path / "cache", Unended, max_length=60, overlong="truncate")
    assert (cut.report.split, cut.report.parts, cut.report.truncated) == (5, 14, 1)
