"""JSON that is legal but has no single meaning, or that something later could not take, is refused by name."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from helpers.token_data import one_task, pair, prepare, task_file
from mft_core.data.jsonl import LONGEST_LINE
from mft_core.data.line_parsing import DEEPEST, LONGEST_KEY, parse_line
from mft_core.data.tasks import write_quarantine
from mft_core.data.token_store import read_quarantine
from mft_core.errors import RecordError
from mft_core.records import TaskFiles


def nested(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + "0" + closing * levels


def with_extra(key: str, value: str) -> str:
    return f'{{"prompt": "q", "response": "a", {key}: {value}}}'


ODD = [
    (with_extra(r'"note"', r'"\ud800"'), "broken unicode", "'note'"),
    (with_extra(r'"\uDFFF"', "1"), "broken unicode", r"'\udfff'"),
    (with_extra('"meta"', r'[{"a": {"\udc00": null}}]'), "broken unicode", "'meta'"),
    (r'{"prompt": "q", "response": "\ude00\ud83d"}', "broken unicode", "'response'"),
    (r'["\ud83d"]', "broken unicode", "half of a character"),
    (with_extra('"response"', '"b"'), "duplicate key", "'response'"),
    (with_extra('"meta"', '{"a": 1, "b": 2, "b": 2}'), "duplicate key", "'b'"),
    ('{"messages": [{"role": "user", "content": "q", "content": "r"}]}', "duplicate key", "'content'"),
    (with_extra(r'"respons\u0065"', '"b"'), "duplicate key", "'response'"),
    (with_extra('"score"', "NaN"), "NaN or Infinity", "NaN is no JSON"),
    (with_extra('"score"', "[Infinity]"), "NaN or Infinity", "Infinity is no JSON"),
    (with_extra('"weight"', "-Infinity"), "NaN or Infinity", "-Infinity is no JSON"),
    (with_extra('"id"', "1" * 5000), "number too long", "5000 digits"),
    (with_extra('"id"', "-" + "1" * 10**6), "number too long", "digits"),
    (with_extra('"meta"', nested(10_000)), "nested too deeply", "100 levels"),
    (with_extra('"meta"', nested(10_000, '{"a":', "}")), "nested too deeply", "100 levels"),
    (with_extra('"meta"', nested(DEEPEST)), "nested too deeply", "100 levels"),
    (f'{{"messages": [{{"role": {nested(500)}, "content": "q"}}]}}', "nested too deeply", "100 levels"),
    (f'{{"messages": [], "prompt": {nested(900)}}}', "nested too deeply", "100 levels"),
    (nested(10_000), "nested too deeply", "100 levels"),
    (with_extra('"' + "k" * (LONGEST_KEY + 1) + '"', "1"), "key too long", "1,001 characters"),
    (with_extra('"meta"', '[{"' + "k" * 10**6 + '": 1}]'), "key too long", "1,000,000 characters"),
    (with_extra('"id"', "\x00"), "NUL bytes", "1 of them"),
    (with_extra('"id"', "\u00e9"), "bad JSON", "Expecting value"),
    ("\ufeff{}", "bad JSON", "Expecting value"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "reason", "words"), ODD, ids=range(len(ODD)))
def test_odd_json_is_refused_by_name(line: str, reason: str, words: str) -> None:
    with pytest.raises(RecordError) as caught:
        parse_line(line.encode())
    assert caught.value.reason == reason
    assert words in caught.value.detail
    assert len(caught.value.detail) < 200


@pytest.mark.parametrize(
    "line",
    [
        r'{"prompt": "\ud83d\ude00", "\uD83D\uDE00": "\\ud800 \\\ud83d\ude00"}',
        '{"prompt": "\U0001f600\ud55c\uae00", "response": "a\\u0000b"}',
        with_extra('"meta"', '{"a": {"b": 1}, "b": 2}'),
        with_extra('"score"', '[1e999, -0.0, "NaN", ' + "1" * 4000 + "]"),
        with_extra('"meta"', nested(DEEPEST - 1)),
        with_extra('"code"', json.dumps("[{" * 5000)),
        with_extra('"' + "k" * LONGEST_KEY + '"', "1"),
        with_extra('""', "1"),
    ],
    ids=range(8),
)
def test_what_has_one_meaning_is_read_as_it_is(line: str) -> None:
    assert parse_line(line.encode()) == json.loads(line)


def test_odd_lines_are_quarantined_with_their_origin_and_the_others_train(tmp_path: Path) -> None:
    lines = [line for line, _, _ in ODD]
    tasks = one_task(tmp_path, [*(pair(number) for number in range(20)), *lines], max_bad=0.9)
    report = tasks[0].report
    assert report.train + report.valid == 20
    assert report.bad_records == len(ODD)
    assert write_quarantine(tasks, tmp_path / "quarantine.jsonl") == len(ODD)
    kept = [json.loads(line) for line in (tmp_path / "quarantine.jsonl").read_text("utf-8").splitlines()]
    assert [(line["line"], line["reason"]) for line in kept] == [
        (number, reason) for number, (_, reason, _) in enumerate(ODD, 21)
    ]


@pytest.mark.slow
def test_a_giant_line_is_one_bad_record_of_which_little_is_kept(tmp_path: Path) -> None:
    path = task_file(tmp_path / "t.jsonl.gz", [pair(number) for number in range(40)])
    giant = b'{"prompt": "q", "response": "' + b"x" * LONGEST_LINE + b'"}\n'
    path.write_bytes(gzip.compress(giant, 1) + path.read_bytes())
    (task,) = prepare([TaskFiles("t", (path,))], tmp_path / "cache")
    assert task.report.bad == {"line too long": 1}
    assert task.report.train + task.report.valid == 40
    assert f"{path}:1 line too long: it has more than 67,108,864 bytes" in task.report.examples[0]
    (kept,) = read_quarantine(task.train.entry)
    assert kept["record"] == giant[:1000].decode()


def test_a_detail_that_quotes_the_record_is_short(tmp_path: Path) -> None:
    role = {"messages": [{"role": "r" * 10**6, "content": "q"}]}
    (task,) = one_task(tmp_path, [*(pair(number) for number in range(20)), role])
    assert "unknown role: turn 1 has the role 'rrr" in task.report.examples[0]
    assert len(task.report.examples[0]) < 2000
