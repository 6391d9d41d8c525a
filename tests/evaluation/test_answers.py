"""Answers of a model and of a file of samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.given_samples import write_samples
from mft_core.errors import MftError, UsageError
from mft_core.evaluation.answers import Writer, all_alike, read_given, sample_seed
from mft_core.evaluation.items import Item
from mft_core.generation.answering import Sampling
from mft_core.generation.assistant import Assistant
from mft_core.support.journal import Journal
from mft_core.testing.contexts import PlainTokenization
from mft_core.testing.random_models import random_token_loss_model
from mft_core.testing.small_tokenizers import small_tokenizer


def test_seeds_differ_between_samples() -> None:
    seeds = {sample_seed(seed, task, number) for seed in (0, 1) for task in ("a", "a1", "b") for number in (0, 1, 10)}
    assert len(seeds) == 18


def test_a_device_that_is_too_small_for_a_batch_is_told_as_such(tmp_path: Path) -> None:
    tokenizer = small_tokenizer()
    model = random_token_loss_model(len(tokenizer)).model

    def at_most_two(_: Any, __: Any, inputs: dict[str, torch.Tensor]) -> None:
        if len(inputs["input_ids"]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")

    model.register_forward_pre_hook(at_most_two, with_kwargs=True)
    writer = Assistant(model, tokenizer, PlainTokenization())
    prompts = [(Item(name, {}), f"def {name}(") for name in "abcd"]

    def written(rows: int) -> int:
        journal = Journal(tmp_path / f"{rows}.jsonl")
        return sum(map(len, Writer(writer, journal, Sampling(3), rows).batches(prompts, 1)))

    with pytest.raises(MftError, match="does not hold 4 answers") as error:
        written(4)
    assert "batch_size" in error.value.hint
    assert written(2) == 4


def test_given_samples_are_counted(tmp_path: Path) -> None:
    items = [Item(name, {}) for name in ("a", "b", "3")]
    lines = [
        {"task_id": "b", "completion": "first"}, {"task_id": "x", "completion": ""}, {"task_id": 3, "completion": ""},
        {"task_id": "b", "completion": "second", "more": 1}, {"task_id": "x", "completion": ""},
    ]  # fmt: skip
    given = read_given(write_samples(tmp_path / "s.jsonl", lines), items, ["a", "b", "3"])
    assert [(it.item.task_id, it.number, it.text) for it in given.samples] == [
        ("b", 0, "first"), ("b", 1, "second"), ("3", 0, ""),
    ]  # fmt: skip
    assert (given.missing, dict(given.unknown)) == (["a"], {"x": 2})
    assert [notice.split()[:2] for notice in given.notices()] == [["1", "problems"], ["2", "samples"]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"s\.jsonl:2 is no JSON"),
        ("[" * 100_000, r"s\.jsonl:2 is no JSON"),
        ([], r"s\.jsonl:2 has no task_id"),
        ({"completion": "x"}, r"s\.jsonl:2 has no task_id"),
        ({"task_id": "a", "completion": None}, r"s\.jsonl:2: its completion is not a text"),
        ({"task_id": "a"}, "its completion is not a text"),
    ],
)
def test_a_wrong_sample_is_named(line: Any, message: str, tmp_path: Path) -> None:
    path = write_samples(tmp_path / "s.jsonl", [{"task_id": "a", "completion": ""}, line])
    with pytest.raises(MftError, match=message):
        read_given(path, [Item("a", {})], ["a"])


def test_a_file_without_any_of_the_problems_is_wrong_use(tmp_path: Path) -> None:
    path = write_samples(tmp_path / "s.jsonl", [{"task_id": "0", "completion": ""}])
    with pytest.raises(UsageError, match="no sample for any of the 1 problems: 0"):
        read_given(path, [Item("Set/0", {})], ["Set/0"])
    with pytest.raises(UsageError, match="there is no"):
        read_given(tmp_path / "none.jsonl", [Item("a", {})], ["a"])


def test_samples_that_are_one_text_are_told_from_others() -> None:
    def records(*texts: str) -> list[dict[str, str]]:
        return [{"task_id": text[0], "text": text[1:]} for text in texts]

    assert all_alike(records("ax", "bx", "ax", "bx"))
    assert not all_alike(records("ax", "bx", "ay"))
