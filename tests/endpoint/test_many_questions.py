"""Thousands of questions at once, and processes that are killed among them."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from helpers.forked_processes import ForkedProcess, run_to_its_end
from helpers.lean_endpoint import lean_endpoint
from helpers.paths import REPOSITORY
from helpers.question_asker import ask_many


def command(url: str, folder: Path, count: int, workers: int, length: int = 0) -> list[str]:
    """Starts a new interpreter, in which nothing else has taken memory."""
    program = str(REPOSITORY / "tests" / "helpers" / "question_asker.py")
    return [sys.executable, "-W", "error", program, url, str(folder), str(count), str(workers), str(length)]


def answered(journal: Path) -> set[str]:
    """Keys of the responses that are whole in a journal."""
    lines = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
    return {record["key"] for record in map(json.loads, lines) if record["event"] == "received"}


@pytest.mark.slow
def test_killed_at_twenty_moments_nothing_answered_is_paid_twice(tmp_path: Path) -> None:
    """What was under way when the process was killed is sent again, with the key that it had."""
    moments = random.Random(0)  # a process whose 17th request is there has the first answers
    with lean_endpoint(seconds=0.1) as server:
        run_to_its_end(partial(ask_many, server.url, tmp_path / "whole", 200, 16))
        assert (len(server.keys), len(set(server.keys))) == (200, 200)
        assert 1 < server.most <= 16
        server.keys.clear()
        again = partial(ask_many, server.url, tmp_path / "broken", 200, 16)
        journal = tmp_path / "broken" / "journal.jsonl"
        kills: list[tuple[int, set[str]]] = []
        for _ in range(20):
            enough = len(server.keys) + moments.randint(1, 22)
            process = ForkedProcess(again)
            while len(server.keys) < enough and process.poll() is None:
                time.sleep(0.001)
            assert process.poll() is None, "it was done before it was killed"
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            kills.append((len(server.keys), answered(journal)))
        last = ForkedProcess(again)
        printed, _ = last.communicate()
        assert last.returncode == 0, printed
        assert len(set(server.keys)) == 200
        assert not [known & set(server.keys[sent:]) for sent, known in kills if known & set(server.keys[sent:])]
    assert kills[-1][1], "nothing was answered before the last kill"
    assert int(printed.split()[0]) >= len(server.keys)
    assert (tmp_path / "broken" / "answers.txt").read_text() == (tmp_path / "whole" / "answers.txt").read_text()


@pytest.mark.slow
def test_ten_thousand_questions_fit_into_little_memory(tmp_path: Path) -> None:
    """Of four kilobytes each, and as much in the answers, at 64 at once."""
    count, length = 10_000, 4096
    with lean_endpoint(padding="!" * length) as server:
        asked = command(server.url, tmp_path / "many", count, 64, length)
        done = subprocess.run(asked, check=True, capture_output=True, text=True)
        requests, tokens, kilobytes, torch = done.stdout.split()
        assert (len(server.keys), len(set(server.keys))) == (count, count)
        again = subprocess.run(asked, check=True, capture_output=True, text=True)
        assert len(server.keys) == count
    assert (int(requests), int(tokens), torch) == (count, 15 * count, "False")
    assert int(kilobytes) < 300 * 1024
    assert again.stdout.split()[:2] == [requests, tokens]
    assert int(again.stdout.split()[2]) < 300 * 1024
    answers = (tmp_path / "many" / "answers.txt").read_text().split("\n")
    assert [answer.split()[1] for answer in answers] == [str(number) for number in range(count)]
