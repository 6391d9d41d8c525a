"""Tasks as they are handed to training: counts, reports, quarantine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.token_data import one_task, pair, prepare, task_file, texts
from mft_core.data.tasks import write_quarantine
from mft_core.errors import MftError
from mft_core.records import TaskFiles


def test_the_counts_of_a_set_of_tasks(tmp_path: Path) -> None:
    files = [
        TaskFiles(name, (task_file(tmp_path / f"{name}.jsonl", [pair(n) for n in range(size)]),), weight=weight)
        for name, size, weight in (("b", 1, 2.0), ("a", 41, 1.0))
    ]
    tasks = prepare(files, tmp_path / "cache")
    assert tasks.names == ("b", "a")
    assert [task.index for task in tasks] == [0, 1]
    assert tasks.counts.samples.tolist() == [1, 39]
    assert tasks.counts.importance.tolist() == [2.0, 1.0]
    assert tasks.counts.tokens.tolist() == [task.train.supervised_counts.sum() for task in tasks]
    assert tasks[0].report.valid == 0  # one record trains; it cannot also validate


def test_a_samples_origin_is_its_line(tmp_path: Path) -> None:
    first = task_file(tmp_path / "1.jsonl", ["", pair(0), "not json"])
    second = task_file(tmp_path / "2.jsonl.gz", [pair(1)])
    (task,) = prepare([TaskFiles("t", (first, second))], tmp_path / "cache", max_bad=0.5, valid_fraction=0.5)
    origins = {
        text.split()[2]: store.origin(number)
        for store in (task.train, task.valid)
        for number, text in enumerate(texts(store))
    }
    assert origins == {"0": f"{first}:2", "1": f"{second}:1"}


BAD_LINES = [
    ("{broken", "bad JSON"),
    ("[1, 2]", "not an object"),
    ("[" * 100_000, "nested too deeply"),
    ('{"prompt": "q", "response": "\\ud800"}', "broken unicode"),
    ('{"prompt": "q", "response": ""}', "empty response"),
    ('{"messages": [{"role": "assistant", "content": "a"}]}', "wrong order of roles"),
]


def test_bad_lines_are_counted_shown_and_quarantined(tmp_path: Path) -> None:
    lines = [line for line, _ in BAD_LINES]
    tasks = one_task(tmp_path, [*[pair(number) for number in range(20)], *lines], max_bad=0.5)
    report = tasks[0].report
    assert report.bad == {
        "bad JSON": 1, "broken unicode": 1, "empty response": 1, "nested too deeply": 1, "not an object": 1,
        "wrong order of roles": 1,
    }  # fmt: skip
    assert report.read == report.train + report.valid + report.bad_records == 26
    assert len(report.examples) == 5
    assert report.examples[1].startswith(f"{tmp_path}/t/train.jsonl:22 not an object: ")
    assert write_quarantine(tasks, tmp_path / "quarantine.jsonl") == 6
    kept = [json.loads(line) for line in (tmp_path / "quarantine.jsonl").read_text().splitlines()]
    assert [line["origin"] for line in kept] == [f"{line['file']}:{line['line']}" for line in kept]
    assert [(line["line"], line["reason"], line["record"]) for line in kept] == [
        (number, reason, line) for number, (line, reason) in enumerate(BAD_LINES, 21)
    ]
    assert {(line["task"], line["file"]) for line in kept} == {("t", str(tmp_path / "t" / "train.jsonl"))}
    assert json.loads(json.dumps(report.as_json()))["bad"] == report.bad


def test_a_byte_that_is_not_utf8_is_one_bad_line(tmp_path: Path) -> None:
    path = task_file(tmp_path / "t.jsonl", [pair(number) for number in range(30)])
    path.write_bytes(path.read_bytes() + b'{"prompt": "q", "response": "\xff"}\n')
    (task,) = prepare([TaskFiles("t", (path,))], tmp_path / "cache")
    assert task.report.bad == {"not UTF-8": 1}


def test_nothing_refused_leaves_no_quarantine(tmp_path: Path) -> None:
    tasks = one_task(tmp_path, [pair(0)])
    assert write_quarantine(tasks, tmp_path / "quarantine.jsonl") == 0
    assert not (tmp_path / "quarantine.jsonl").exists()


def test_too_many_bad_records_stop_the_run_and_are_kept(tmp_path: Path) -> None:
    records = [pair(number) for number in range(94)] + ["{"] * 6
    with pytest.raises(MftError, match=r"'t': 6 of 100 records are bad \(6 bad JSON\)") as caught:
        one_task(tmp_path, records)
    assert f"{tmp_path}/t/train.jsonl:95 bad JSON" in caught.value.message
    assert "max_bad" in caught.value.hint
    assert len((tmp_path / "cache" / "quarantine.jsonl").read_text().splitlines()) == 6
    (task,) = one_task(tmp_path, [pair(95), *records[:-1]])  # 5 of 100 is not more than 5%
    assert task.report.bad_records == 5
