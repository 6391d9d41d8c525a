"""Lengths as they were, and what another `max_length` leaves of them: as tokenising anew with it finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.chat_templates import THINK, THINK_TOKENS
from helpers.known_lengths import AsLongAsItSays, records
from helpers.token_data import prepare, task_file
from helpers.tokenizations import with_template
from mft_core.data.length_guard import LengthPolicy
from mft_core.data.record_lengths import UP_TO, LengthCost, RecordLengths
from mft_core.data.tasks import Task
from mft_core.data.tokenising import prepare_tasks
from mft_core.recipe.schema import DataSection
from mft_core.records import TaskFiles
from mft_core.support.reading import TaskSampling

SIZES = [(5, 5), (60, 4), (100, 28), (100, 29), (20, 40, 50, 30), (300, 90), (90, 300), 50, 128, 129, 1000, (500, 12)]
TARGETS = [5, 4, 28, 29, 70, 90, 300, 49, 127, 128, 999, 12]
LENGTHS = (64, 96, 128, 256, 512, 1024)


def tokenised(tmp_path: Path, max_length: int, overlong: str, valid_fraction: float = 0.0) -> Task:
    train = task_file(tmp_path / "t.jsonl", records(SIZES))
    files = TaskFiles("t", (train,), sampling=TaskSampling(valid_fraction=valid_fraction))
    return prepare([files], tmp_path / "cache", AsLongAsItSays, max_length=max_length, overlong=overlong)[0]


def lengths_of(task: Task, max_length: int, overlong: str) -> RecordLengths:
    return RecordLengths(task.train.entry, LengthPolicy(max_length, overlong))


@pytest.mark.parametrize("overlong", ["drop", "truncate", "split"])
@pytest.mark.parametrize("length", LENGTHS)
def test_a_smaller_length_leaves_what_tokenising_with_it_leaves(tmp_path: Path, overlong: str, length: int) -> None:
    there = tokenised(tmp_path, length, overlong)
    costs = lengths_of(there, length, overlong).cost(length)
    assert costs.tokens == there.train.lengths.sum()
    assert (costs.dropped, costs.truncated) == (there.report.overlong, there.report.truncated)
    for larger in (each for each in LENGTHS if each >= length):
        lengths = lengths_of(tokenised(tmp_path, larger, overlong), larger, overlong)
        kept = lengths.under(length)
        assert kept.lengths.tolist() == there.train.lengths.tolist()
        assert kept.supervised.tolist() == there.train.supervised_counts.tolist()
        assert lengths.cost(length) == costs


@pytest.mark.parametrize("overlong", ["drop", "split"])
@pytest.mark.parametrize("length", LENGTHS)
def test_a_larger_length_costs_what_tokenising_with_it_costs(tmp_path: Path, overlong: str, length: int) -> None:
    expected = lengths_of(tokenised(tmp_path, length, overlong), length, overlong).cost(length)
    for smaller in (each for each in LENGTHS if each < length):
        assert lengths_of(tokenised(tmp_path, smaller, overlong), smaller, overlong).cost(length) == expected


@pytest.mark.parametrize("length", LENGTHS)
def test_records_that_were_cut_bound_what_a_larger_length_costs(tmp_path: Path, length: int) -> None:
    exact = lengths_of(tokenised(tmp_path, length, "truncate"), length, "truncate").cost(length)
    for smaller in (each for each in LENGTHS if each < length):
        found = lengths_of(tokenised(tmp_path, smaller, "truncate"), smaller, "truncate").cost(length)
        assert found.records == exact.records == len(SIZES)
        assert found.dropped + found.truncated == exact.dropped + exact.truncated
        assert found.dropped >= exact.dropped
        assert found.tokens <= exact.tokens
        assert found.supervised_lost >= exact.supervised_lost
        assert found.supervised + found.supervised_lost == exact.supervised + exact.supervised_lost


def test_exact_numbers(tmp_path: Path) -> None:
    lengths = lengths_of(tokenised(tmp_path, 256, "drop"), 256, "drop")
    at_128 = LengthCost(12, dropped=7, truncated=0, tokens=380, supervised=5 + 4 + 28 + 49 + 127, supervised_lost=0)
    targets = at_128.supervised + 29 + 70 + 90 + 300 + 128 + 999 + 12
    assert lengths.cost(128) == replace(at_128, supervised_lost=targets - at_128.supervised)
    assert lengths.cost(512).dropped == 1
    assert lengths.cost(512).lost_share == pytest.approx(1 / 12)
    assert lengths.cost(512) + lengths.cost(128) == LengthCost(
        24, 8, 0, lengths.cost(512).tokens + 380, targets - 999 + at_128.supervised, targets - at_128.supervised + 999
    )


@pytest.mark.parametrize("overlong", ["drop", "truncate", "split"])
def test_the_histogram_has_every_record_by_its_own_length(tmp_path: Path, overlong: str) -> None:
    whole = [size if isinstance(size, int) else sum(size) for size in SIZES]
    expected = np.bincount(np.searchsorted(UP_TO, whole), minlength=len(UP_TO) + 1)
    for length in (64, 128, 1024):
        found = lengths_of(tokenised(tmp_path, length, overlong), length, overlong).histogram()
        assert found.records.tolist() == expected.tolist(), length
        assert found.tokens.sum() == pytest.approx(sum(whole), abs=len(UP_TO))
    assert (
        found.supervision.tolist()
        == np.bincount(
            [-(-10 * targets // size) - 1 for targets, size in zip(TARGETS, whole, strict=True)], minlength=10
        ).tolist()
    )
    assert found.supervised.sum() == sum(TARGETS)


def test_a_cut_record_counts_as_what_it_was(tmp_path: Path) -> None:
    """All of it in the bin of its own length: what is left of it, and what is lost."""
    train = task_file(tmp_path / "t.jsonl", records([(5, 5), (100, 100), (40, 24)]))
    files = TaskFiles("t", (train,), sampling=TaskSampling(valid_fraction=0.0))
    task = prepare([files], tmp_path / "cache", AsLongAsItSays, max_length=160, overlong="truncate")[0]
    found = lengths_of(task, 160, "truncate").histogram()
    assert {UP_TO[bin_]: found.records[bin_] for bin_ in np.flatnonzero(found.records)} == {32: 1, 64: 1, 256: 1}
    assert {UP_TO[bin_]: found.tokens[bin_] for bin_ in np.flatnonzero(found.tokens)} == {32: 10, 64: 64, 256: 200}
    assert {UP_TO[bin_]: found.supervised[bin_] for bin_ in np.flatnonzero(found.tokens)} == {32: 5, 64: 24, 256: 100}


def test_what_no_bin_holds_is_longer(tmp_path: Path) -> None:
    train = task_file(tmp_path / "t.jsonl", records([(5, 5), (UP_TO[-1], 1)]))
    task = prepare([TaskFiles("t", (train,))], tmp_path / "cache", AsLongAsItSays, max_length=64)[0]
    found = RecordLengths(task.train.entry, LengthPolicy(64, "drop")).histogram()
    assert (found.records[0], found.records[-1], found.records.sum()) == (1, 1, 2)


def test_some_samples_alone(tmp_path: Path) -> None:
    task = tokenised(tmp_path, 256, "split", valid_fraction=0.3)
    both = []
    for store in (task.train, task.valid):
        kept = RecordLengths(store.entry, LengthPolicy(256, "split"), store.index).under(256)
        assert kept.lengths.tolist() == store.lengths.tolist()
        both += kept.lengths.tolist()
    assert sorted(both) == sorted(np.diff(task.train.entry.offsets).tolist())


def test_samples_of_one_conversation_stay_or_go_together(tmp_path: Path) -> None:
    """A template that shows earlier answers otherwise makes several samples of a conversation."""
    tokenization = with_template(THINK, *THINK_TOKENS)
    turns = [
        ("user", "q"),
        ("assistant", "<think>t</think>a"),
        ("user", "q"),
        ("assistant", "<think>t</think>" + 90 * "b"),
    ]
    row = {"messages": [{"role": role, "content": content} for role, content in turns]}
    train = task_file(tmp_path / "t.jsonl", [row, {"prompt": "q", "response": "r"}])

    def made(max_length: int) -> RecordLengths:
        settings = DataSection(max_length=max_length)
        files = [TaskFiles("t", (train,), sampling=TaskSampling(valid_fraction=0.0))]
        (task,) = prepare_tasks(files, tokenization, tokenization._tokenizer, settings, tmp_path / "cache")
        return RecordLengths(task.train.entry, LengthPolicy(max_length, "drop"))

    large = made(4096)
    sizes = np.diff(large.entry.offsets)
    assert (len(sizes), large.records) == (3, 2)
    between = int(sizes[0] + 1)
    assert between < sizes[1]
    cost = large.cost(between)
    assert (cost.dropped, cost.records) == (1, 2), "its first sample alone would fit"
    assert cost == made(between).cost(between)


def test_nothing_that_can_be_used(tmp_path: Path) -> None:
    """A task of which nothing is left has no samples, but a cost."""
    task = tokenised(tmp_path, 256, "drop")
    lengths = RecordLengths(task.train.entry, LengthPolicy(256, "drop"), np.zeros(0, np.int64))
    assert (len(lengths.under(64).lengths), lengths.records, lengths.under(64).dropped) == (0, 0, 0)
