from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mft_core.errors import MftError
from mft_core.making.filters.verdicts import FILE, Ruling, Verdicts
from mft_core.sandbox import Outcome
from mft_core.support.threads import allowed_processors


class Runs:
    """Outcomes one after another; counts how many were asked for."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.count = 0

    def __call__(self) -> Outcome:
        self.count += 1
        return self.outcomes.pop(0)


def test_what_was_run_is_not_run_again_in_this_process_or_the_next(tmp_path: Path) -> None:
    runs = Runs(Outcome("timeout", detail="more than 1 s"), Outcome("pass"), Outcome("pass"))
    verdicts = Verdicts(tmp_path)
    asked = {"source": "x = 1\ud800", "seconds": 1.5}
    first = verdicts.of(asked, runs)
    assert first == Ruling("timeout", "more than 1 s")
    assert verdicts.of(dict(reversed(asked.items())), runs) == first
    assert Verdicts(tmp_path).of(asked, runs) == first
    assert runs.count == 1
    assert verdicts.of({**asked, "seconds": 2.0}, runs) == Ruling("pass", "")
    assert Verdicts(tmp_path).of({**asked, "source": "x = 2"}, runs).verdict == "pass"
    assert len((tmp_path / FILE).read_text(encoding="utf-8").splitlines()) == 3


def test_a_torn_line_is_forgotten(tmp_path: Path) -> None:
    Verdicts(tmp_path).of({"source": "1"}, Runs(Outcome("pass")))
    with (tmp_path / FILE).open("a", encoding="utf-8") as stream:
        stream.write('{"digest": "ab')
    runs = Runs(Outcome("fail"))
    assert Verdicts(tmp_path).of({"source": "1"}, runs).verdict == "pass"
    assert Verdicts(tmp_path).of({"source": "2"}, runs).verdict == "fail"
    assert Verdicts(tmp_path).of({"source": "2"}, runs).verdict == "fail"


def test_a_failure_of_the_sandbox_is_tried_again_and_never_kept(tmp_path: Path) -> None:
    broken = Outcome("infra_error", detail="no processes left")
    verdicts, runs = Verdicts(tmp_path), Runs(broken, Outcome("fail", detail="1 != 2"))
    assert verdicts.of({"source": "1"}, runs) == Ruling("fail", "1 != 2")
    assert runs.count == 2
    runs = Runs(broken, broken, broken, broken, Outcome("pass"))
    with pytest.raises(MftError, match="no processes left"):
        verdicts.of({"source": "2"}, runs)
    assert runs.count == 4
    assert verdicts.of({"source": "2"}, runs).verdict == "pass"
    assert "infra" not in (tmp_path / FILE).read_text(encoding="utf-8")


def test_no_more_at_a_time_than_processors_and_each_once_in_many_threads(tmp_path: Path) -> None:
    lock, running, most, count = threading.Lock(), 0, 0, 0
    verdicts, full = Verdicts(tmp_path), threading.Event()

    def run() -> Outcome:
        nonlocal running, most, count
        with lock:
            running, count = running + 1, count + 1
            most = max(most, running)
            if running == allowed_processors():
                full.set()
        full.wait(60)  # until as many run as may
        time.sleep(0.01)  # one more would begin now
        with lock:
            running -= 1
        return Outcome("pass")

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda number: verdicts.of({"source": str(number % 32)}, run), range(128)))
    assert found == [Ruling("pass", "")] * 128
    assert count == 32
    assert most == allowed_processors()
    lines = (tmp_path / FILE).read_text(encoding="utf-8").splitlines()
    assert len({json.loads(line)["digest"] for line in lines}) == len(lines) == 32


def test_whoever_waits_for_a_run_that_fails_is_told(tmp_path: Path) -> None:
    verdicts, started, may_end = Verdicts(tmp_path), threading.Event(), threading.Event()

    def run() -> Outcome:
        started.set()
        may_end.wait(60)
        raise MftError("the disk is full")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(verdicts.of, {"source": "1"}, run)
        started.wait(60)
        second = pool.submit(verdicts.of, {"source": "1"}, run)
        may_end.set()
        for waiting in (first, second):
            with pytest.raises(MftError, match="the disk is full"):
                waiting.result()


def test_no_secret_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "very-secret-value")
    verdicts = Verdicts(tmp_path)
    found = verdicts.of({"source": "1"}, Runs(Outcome("fail", detail="it says very-secret-value " + "x" * 1000)))
    assert found == Verdicts(tmp_path).of({"source": "1"}, Runs())
    assert "very-secret" not in (tmp_path / FILE).read_text(encoding="utf-8")
    assert len(found.detail) == 300
