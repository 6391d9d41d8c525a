"""`mft data make` as a user calls it: an endpoint that answers well or badly, kill -9, a full disk, training on it."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from helpers.exercise_writer import exercise_writer, written
from helpers.fake_endpoint import FakeEndpoint, Handler, reply, says
from helpers.making_commands import command, content, rows
from helpers.running import arguments, mft, settings, start_mft

KEY = "sk-0123456789abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    with exercise_writer() as one:
        yield one


def distinct_keys(endpoint: FakeEndpoint) -> Counter[str]:
    return Counter(headers["Idempotency-Key"] for headers in endpoint.headers)


@pytest.mark.slow
def test_what_was_made_is_shown_checked_and_trained_on(
    endpoint: FakeEndpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "data" / "exercises"
    flags = ("--n", "12", "--json", *settings("filters.tests=true", "valid_fraction=0.2", "model.prices=[1,2]"))
    assert mft(*command(endpoint, folder, *flags)) == 0
    output = capsys.readouterr()
    told = json.loads(output.out)
    assert (told["kept"], told["ended"]) == (12, "enough")
    assert told["train"] + told["valid"] == 12
    assert told["valid"] > 0
    assert told["spending"]["requests"] == len(endpoint.requests)
    assert told["spending"]["money"] > 0
    assert "12 records by exercises, written by writer-1 at http" in output.err
    assert "next: mft data show --base smollm2 --data" in output.err
    for row in [*rows(folder / "train.jsonl"), *rows(folder / "valid.jsonl")]:
        assert [turn["role"] for turn in row["messages"]] == ["user", "assistant"]
        assert "```python\ndef f" in row["messages"][1]["content"]
    assert mft(*arguments(tmp_path / "data", tmp_path / "run", "--steps", "2")) == 0
    output = capsys.readouterr()
    assert "not read" not in output.out + output.err
    assert (tmp_path / "run" / "final").is_dir()


@pytest.mark.slow
def test_killed_twenty_times_it_pays_for_no_answer_twice_and_ends_the_same(
    endpoint: FakeEndpoint, tmp_path: Path
) -> None:
    flags = ("--n", "30", "--concurrency", "4")
    whole = tmp_path / "whole"
    assert mft(*command(endpoint, whole, *flags)) == 0
    asked = len(endpoint.requests)

    def slowly(handler: Handler, body: dict[str, Any]) -> None:
        time.sleep(0.05)
        handler.send(200, reply(written(body), model="writer-1"))

    with exercise_writer() as slow:
        slow.otherwise = slowly
        killed = tmp_path / "killed"
        generator, answered = random.Random(1), Counter[str]()
        for _ in range(20):
            process = start_mft(command(slow, killed, *flags))
            # Not before it has begun to ask, which takes as long as its imports.
            journal, before, begun = killed / ".making" / "requests.jsonl", len(slow.requests), time.monotonic()
            while len(slow.requests) == before and process.poll() is None and time.monotonic() - begun < 30:
                time.sleep(0.01)
            time.sleep(generator.uniform(0, 0.3))
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            known = {row["key"] for row in whole_rows(journal) if row["event"] == "received"}
            # Nothing that was on disk has been asked for again.
            assert all(distinct_keys(slow)[key] == answered.get(key, distinct_keys(slow)[key]) for key in answered)
            answered = Counter({key: distinct_keys(slow)[key] for key in known})
        assert mft(*command(slow, killed, *flags)) == 0
        assert all(distinct_keys(slow)[key] == count for key, count in answered.items())
        assert len(distinct_keys(slow)) <= asked + 8
    assert content(killed) == {**content(whole), "make.json": content(killed)["make.json"]}
    facts = [json.loads(content(folder)["make.json"]) for folder in (killed, whole)]
    assert facts[0]["counts"] == facts[1]["counts"]


def whole_rows(journal: Path) -> list[dict[str, Any]]:
    """Of a journal whose writer may have been killed within a line."""
    text = journal.read_bytes() if journal.exists() else b""
    return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]


def test_bad_answers_are_tried_again_and_counted(
    endpoint: FakeEndpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint.plan = [
        says('{"error": {"message": "slow down"}}', 429),
        says("<html>oops</html>", 500),
        says('{"choices": []}'),
        says(reply("", None)),
        says(reply("filtered", "content_filter")),
        says(reply("I", "length")),
    ]
    assert mft(*command(endpoint, tmp_path / "made", "--n", "5", "--json", "--concurrency", "1")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["kept"] == 5
    assert {(row["filter"], row["reason"], row["count"]) for row in told["refused"]} == {
        ("maker", "content filter", 1),
        ("maker", "cut off", 1),
    }
    # Six of no use, and three questions to each record kept.
    assert told["spending"]["requests"] == 6 + 15


def test_a_key_is_in_no_file_and_no_message(
    endpoint: FakeEndpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    endpoint.plan = [says(reply("ok")), says(json.dumps({"error": {"message": f"bad key {KEY}", "code": "x"}}), 401)]
    folder = tmp_path / "made"
    assert mft(*command(endpoint, folder, "--n", "3", "--concurrency", "1")) == 1
    assert endpoint.headers[0]["Authorization"] == f"Bearer {KEY}"
    output = capsys.readouterr()
    assert "401" in output.err
    assert KEY not in output.out + output.err
    assert not [path for path in folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_ctrl_c_writes_what_was_kept_and_the_same_command_goes_on(endpoint: FakeEndpoint, tmp_path: Path) -> None:
    answers = iter(range(1000))

    def stops(handler: Handler, body: dict[str, Any]) -> None:
        if next(answers) == 20:
            os.kill(process.pid, signal.SIGINT)
        handler.send(200, reply(written(body), model="writer-1"))

    endpoint.otherwise = stops
    process = start_mft(command(endpoint, tmp_path / "made", "--n", "16", "--concurrency", "2"))
    output, _ = process.communicate()
    assert process.returncode == 130, output
    assert "the same command goes on" in output
    some = len(rows(tmp_path / "made" / "train.jsonl"))
    assert 0 < some < 16
    asked = len(endpoint.requests)
    assert mft(*command(endpoint, tmp_path / "made", "--n", "16", "--concurrency", "2")) == 0
    assert all(count == 1 for count in distinct_keys(endpoint).values())
    assert len(endpoint.requests) > asked
    made = rows(tmp_path / "made" / "train.jsonl") + rows(tmp_path / "made" / "valid.jsonl")
    assert len(made) == 16


def test_a_full_disk_ends_it_with_a_word_and_nothing_is_lost(
    endpoint: FakeEndpoint, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, filling = small_disk / "made", small_disk / "filling"

    def fills(handler: Handler, body: dict[str, Any]) -> None:
        if len(endpoint.requests) == 12:
            with filling.open("wb", buffering=0) as stream, suppress(OSError):
                while True:
                    stream.write(bytes(1024))
        handler.send(200, reply(written(body), model="writer-1"))

    endpoint.otherwise = fills
    assert mft(*command(endpoint, folder, "--n", "20", "--concurrency", "2")) == 1
    assert "written" in capsys.readouterr().err
    filling.unlink()
    assert mft(*command(endpoint, folder, "--n", "20", "--concurrency", "2")) == 0
    # Only those whose answers found no room were asked for again: two are under way at a time, and each may end so
    # twice.
    assert sum(count - 1 for count in distinct_keys(endpoint).values()) <= 4


def test_a_budget_holds_and_a_larger_one_goes_on(
    endpoint: FakeEndpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ("--n", "10", "--concurrency", "1", *settings("model.budget_requests=9"))
    assert mft(*command(endpoint, tmp_path / "made", *few)) == 0
    assert "budget spent" in capsys.readouterr().out
    assert len(endpoint.requests) == 9
    assert mft(*command(endpoint, tmp_path / "made", "--n", "10", "--concurrency", "1")) == 0
    assert len(endpoint.requests) == 30
    assert all(count == 1 for count in distinct_keys(endpoint).values())


def test_a_dry_run_asks_nothing(endpoint: FakeEndpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "made"
    assert mft(*command(endpoint, folder, "--dry-run", "--n", "100")) == 0
    assert "300 questions" in capsys.readouterr().out
    assert mft(*command(endpoint, folder, "--dry-run", "--json", "--n", "100")) == 0
    assert json.loads(capsys.readouterr().out)["estimate"]["questions"] == 300
    assert not endpoint.requests
    assert not folder.exists()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--base", "tiny"], "model.endpoint and model.base"),
        (["--method", "exercise"], "Did you mean 'exercises'"),
        (["--set", "filters.jugde=3"], "did you mean 'filters.judge'"),
        (["--set", "method.per_pont=3"], "did you mean 'per_point'"),
        (["--topics", "nowhere.txt"], "nowhere.txt"),
    ],
)
def test_wrong_use_is_said_and_nothing_is_asked(
    endpoint: FakeEndpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], told: str
) -> None:
    assert mft(*command(endpoint, tmp_path / "made", *more)) in (1, 2)
    assert told in capsys.readouterr().err
    assert not endpoint.requests


def test_where_nothing_is_kept_a_script_can_tell(
    endpoint: FakeEndpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint.otherwise = says(reply("I cannot help with that."))
    (points := tmp_path / "points.txt").write_text("loops\nlists\n")
    assert mft(*command(endpoint, tmp_path / "made", "--topics", str(points), "--n", "3", "--json")) == 1
    assert json.loads(capsys.readouterr().out)["ended"] == "rounds without a record"


@pytest.mark.parametrize("more", [["--topics", "nowhere.txt"], ["--model", ""]])
def test_a_dry_run_checks_what_a_making_checks(
    endpoint: FakeEndpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    assert mft(*command(endpoint, tmp_path / "made", "--dry-run", *more)) in (1, 2)
    assert "error" in capsys.readouterr().err
    assert mft(*command(endpoint, tmp_path / "made", *more)) in (1, 2)
    assert not (tmp_path / "made").exists()


def test_it_writes_among_nobodys_files(
    endpoint: FakeEndpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "train.jsonl").write_text('{"prompt": "mine", "response": "mine"}\n')
    assert mft(*command(endpoint, tmp_path / "made")) == 2
    assert "holds train.jsonl, and no making made it" in capsys.readouterr().err
    assert (tmp_path / "made" / "train.jsonl").read_text() == '{"prompt": "mine", "response": "mine"}\n'
