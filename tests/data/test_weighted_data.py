"""Weights from the lines of a file to the samples of a task: nothing of them is lost on the way."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.chat_templates import THINK, THINK_TOKENS
from helpers.token_data import one_task, prepare, task_file
from helpers.tokenizations import with_template
from mft_core.data import length_guard
from mft_core.data.encoding import encode_record
from mft_core.data.identity import identities
from mft_core.data.length_guard import LengthPolicy, encode_guarded
from mft_core.data.longer_records import LongerRecords
from mft_core.data.tasks import TaskSet
from mft_core.data.token_store import WEIGHTS, TokenStore, open_entry
from mft_core.errors import MftError, RecordError
from mft_core.records import Record, Sample, TaskFiles, Turn
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_tokenization.tokenizations import MftCoder


def chat(*weights: float | None, **record: Any) -> dict[str, Any]:
    """One answer for each weight; None: it has no key for one."""
    turns: list[dict[str, Any]] = []
    for number, weight in enumerate(weights):
        given = {} if weight is None else {"weight": weight}
        turns += [{"role": "user", "content": f"q{number}"}, {"role": "assistant", "content": f"a{number}", **given}]
    return {"messages": turns, **record}


def shown(store: TokenStore) -> list[list[tuple[str, float]]]:
    """Of every sample, the texts of its stretches of one weight, with that weight."""
    tokenizer, found = small_tokenizer(), []
    for number in range(len(store)):
        sample = store.sample(number)
        weights = sample.supervised * 1.0 if sample.weights is None else sample.weights
        edges = [0, *(np.flatnonzero(np.diff(weights)) + 1).tolist(), len(weights)]
        parts = [(start, end) for start, end in itertools.pairwise(edges) if weights[start] > 0]
        found.append([(tokenizer.decode(sample.ids[start:end]), float(weights[start])) for start, end in parts])
    return found


def all_of_it(tmp_path: Path, records: Sequence[object], **settings: Any) -> TokenStore:
    (task,) = one_task(tmp_path, records, valid=[{"prompt": "v", "response": "v"}], **settings)
    return task.train


def test_every_answer_has_its_weight_times_that_of_its_record(tmp_path: Path) -> None:
    records = [
        chat(0.5, 2), chat(None, None, weight=3), chat(0, 0.25, None, weight="2"), chat(None),
        {"text": "t", "weight": 0.5}, {"prompt": "q", "response": "a", "sample_weight": 4},
    ]  # fmt: skip
    store = all_of_it(tmp_path, records)
    end = shown(store)[3][0][0].removeprefix("a0")
    assert end
    assert shown(store) == [
        [(f"a0{end}", 0.5), (f"a1{end}", 2.0)],
        [(f"a0{end}", 3.0), (f"a1{end}", 3.0)],
        [(f"a1{end}", 0.5), (f"a2{end}", 2.0)],
        [(f"a0{end}", 1.0)],
        [(shown(store)[4][0][0], 0.5)],
        [(f"a{end}", 4.0)],
    ]
    samples = [store.sample(number) for number in range(len(store))]
    assert store.supervised_counts.tolist() == [int(sample.supervised.sum()) for sample in samples]
    assert store.weight_sums is not None
    sums = [sample.weights.sum() for sample in samples if sample.weights is not None]
    assert store.weight_sums.tolist() == sums
    means = [total / count for total, count in zip(sums, store.supervised_counts, strict=True)]
    assert store.sizes() == pytest.approx((sum(means), sum(sums)), rel=1e-15)


def test_counts_are_weighted_and_what_is_shown_beside_them_is_not(tmp_path: Path) -> None:
    tasks = one_task(tmp_path, [chat(0.5, 2), chat(None, weight=3)], valid=[chat(None)])
    (task,), counts = tasks, tasks.counts
    samples, tokens = task.train.sizes()
    assert (counts.samples.tolist(), counts.tokens.tolist()) == ([samples], [tokens])
    assert counts.tokens.dtype == np.float64
    assert (task.report.weighted_samples, task.report.weighted_tokens) == (samples, tokens)
    assert (task.report.train, task.report.supervised) == (2, task.train.supervised_counts.sum())
    assert task.report.supervised != tokens


def test_weights_of_one_leave_a_store_as_it_is_without_any(tmp_path: Path) -> None:
    plain, ones = (
        prepare([TaskFiles("t", (task_file(tmp_path / name, records),))], tmp_path / "cache")
        for name, records in (("a.jsonl", [chat(None)] * 9), ("b.jsonl", [chat(1, weight=1.0)] * 9))
    )
    for tasks in (plain, ones):
        assert tasks[0].train.weight_sums is None
        assert tasks[0].train.sample(0).weights is None
        assert not (tasks[0].train.entry.folder / WEIGHTS).exists()
        assert tasks[0].report.weighted_tokens is None
        assert tasks.counts.samples.dtype == tasks.counts.tokens.dtype == np.int64
    assert identities(plain) == identities(ones)


def test_the_weights_are_part_of_what_identifies_samples(tmp_path: Path) -> None:
    found = [
        identities(prepare([TaskFiles("t", (task_file(tmp_path / f"{n}.jsonl", [chat(weight)] * 9),))], tmp_path / "c"))
        for n, weight in enumerate((None, 2.0, 0.5))
    ]
    assert len({task["t"]["train_digest"] for task in found}) == 3
    tasks = prepare([TaskFiles("t", (task_file(tmp_path / "more.jsonl", [chat(2.0)] * 9),))], tmp_path / "c")
    store = tasks[0].train
    heavier = replace(store.entry, weights=2 * np.asarray(store.entry.weights))  # as another tokenization has them
    other = TaskSet((replace(tasks[0], train=replace(store, entry=heavier)),))
    assert identities(other)["t"]["train_digest"] != identities(tasks)["t"]["train_digest"]


def test_what_weighs_nothing_is_refused_by_name_and_bad_weights_too(tmp_path: Path) -> None:
    records = [chat(None), chat(None, weight=0), chat(0, 0), chat(-1), {"text": "t", "weight": "much"}]
    (task,) = one_task(tmp_path, records, valid=[chat(None)], max_bad=1.0)
    assert task.report.bad == {"bad weight": 2, "nothing supervised": 2}
    assert task.report.train == 1


def test_records_of_weight_0_are_left_out_as_asked_and_stop_no_run(tmp_path: Path) -> None:
    records = [chat(None, weight=number % 2) for number in range(40)]
    (task,) = one_task(tmp_path, records, valid=[chat(None)])
    assert (task.report.train, task.report.bad) == (20, {"nothing supervised": 20})
    with pytest.raises(MftError, match="23 of 44 records are bad"):
        one_task(tmp_path, [*records, *(chat(weight) for weight in (-1, -2, -3))], valid=[chat(None)])


def test_a_damaged_file_of_weights_is_noticed(tmp_path: Path) -> None:
    store = all_of_it(tmp_path, [chat(0.5, 2)])
    folder = store.entry.folder
    (folder / WEIGHTS).write_bytes(b"\0" * (folder / WEIGHTS).stat().st_size)
    assert open_entry(folder) is None
    (folder / WEIGHTS).unlink()
    assert open_entry(folder) is None


def test_parts_of_a_text_and_what_is_left_of_a_conversation_keep_their_weights(tmp_path: Path) -> None:
    text = {"text": " ".join(map(str, range(40))), "weight": 0.5}
    parts = all_of_it(tmp_path / "split", [text], max_length=20, overlong="split")
    assert len(parts) > 1
    for number in range(len(parts)):
        sample = parts.sample(number)
        assert sample.weights is not None
        assert sample.weights.tolist() == (0.5 * sample.supervised).tolist()
    whole = all_of_it(tmp_path / "whole", [chat(2.0, 0, 0.5, 4)]).sample(0)
    length = int(np.flatnonzero(whole.supervised)[-2])
    cut = all_of_it(tmp_path / "cut", [chat(2.0, 0, 0.5, 4)], max_length=length, overlong="truncate").sample(0)
    assert whole.weights is not None
    assert cut.weights is not None
    assert cut.weights.tolist() == whole.weights[:length].tolist()
    assert len(cut.ids) < len(whole.ids)


def turns(*weights: float, content: str = "x") -> tuple[Turn, ...]:
    pairs = [(Turn("user", f"q{number}"), Turn("assistant", content, weight)) for number, weight in enumerate(weights)]
    return tuple(turn for pair in pairs for turn in pair)


def test_an_answer_of_weight_nothing_has_no_sample_where_each_has_its_own() -> None:
    subject = with_template(THINK, *THINK_TOKENS)
    every = subject.samples(Record(turns=turns(1, 1, 1)))
    some = subject.samples(Record(turns=turns(0.5, 0, 2)))
    assert [sample.ids.tolist() for sample in some] == [every[0].ids.tolist(), every[2].ids.tolist()]
    for sample, plain, weight in ((some[0], every[0], 0.5), (some[1], every[2], 2.0)):
        assert sample.weights is not None
        assert sample.weights.tolist() == (weight * plain.supervised).tolist()


def test_what_is_far_too_long_keeps_its_weights_and_is_over_long_where_only_its_end_is_learned(monkeypatch) -> None:
    monkeypatch.setattr(length_guard, "CHARACTERS_AT_LEAST", 400)
    monkeypatch.setattr(length_guard, "CHARACTERS_OF_A_TOKEN", 4)
    monkeypatch.setattr(length_guard, "CHARACTERS_BEYOND", 20)
    monkeypatch.setattr(length_guard, "TURNS_AT_ONCE", 4)
    subject = MftCoder()
    subject.bind(small_tokenizer())
    encode, policy = partial(encode_record, tokenization=subject), LengthPolicy(100, "truncate")
    guarded = partial(encode_guarded, encode=encode, policy=policy, longer=LongerRecords())
    for weights in ([2.0] + [0.5] * 30, [0.0, 0.0, 0.0, 0.5] + [1.0] * 30):
        record = Record(turns=turns(*weights, content="some words"), weight=3.0)
        (found,), times = guarded(record)
        (whole,) = encode(record)
        assert times > 1
        assert whole.weights is not None
        assert found.weights is not None
        assert found.weights[:100].tolist() == whole.weights[:100].tolist()
    text = Record(text="word " * 500, weight=0.25)
    (sample,), _ = guarded(text)
    assert sample.weights is not None
    assert set(sample.weights[sample.supervised]) == {0.25}
    with pytest.raises(RecordError, match="over-long"):
        guarded(Record(turns=turns(*[0.0] * 60, 1.0, content="some words")))


class Even(MftCoder):
    """A tokenization that knows nothing of weights."""

    def encode(self, record: Record) -> Sample:
        plain = super().encode(Record(tuple(turn._replace(weight=1.0) for turn in record.turns), record.text))
        return Sample(plain.ids, plain.supervised)


class Wrong(MftCoder):
    """A tokenization whose weights are not those of its targets."""

    def encode(self, record: Record) -> Sample:
        plain = super().encode(record)
        return Sample(plain.ids, plain.supervised, np.ones(len(plain.ids)))


def test_a_tokenization_that_knows_no_weights_of_turns_takes_those_of_records() -> None:
    subject = Even()
    subject.bind(small_tokenizer())
    (sample,) = encode_record(Record(turns=turns(1, 1), weight=2.0), subject)
    assert sample.weights is not None
    assert set(sample.weights[sample.supervised]) == {2.0}
    with pytest.raises(RecordError, match=r"unsupported weight: .*Even"):
        encode_record(Record(turns=turns(1, 0)), subject)


def test_weights_that_are_not_those_of_the_targets_are_the_tokenizations_fault() -> None:
    subject = Wrong()
    subject.bind(small_tokenizer())
    with pytest.raises(MftError, match="the supervised tokens are not those of a weight"):
        encode_record(Record(turns=turns(1)), subject)
