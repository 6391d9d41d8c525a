"""One holder at a time: several processes, one killed, one that hangs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mft_core.support.lease import leased

HOLDER = """
import sys, time
from pathlib import Path
from mft_core.support.lease import leased
log, seconds = Path(sys.argv[2]), float(sys.argv[3])
def say(word):
    with log.open("a") as stream:
        stream.write(word + "\\n")
with leased(Path(sys.argv[1])):
    say("in")
    time.sleep(seconds)
    say("out")
"""


def start(path: Path, log: Path, seconds: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", HOLDER, str(path), str(log), str(seconds)])


def wait_for(log: Path, word: str) -> None:
    while not log.exists() or word not in log.read_text(encoding="utf-8"):
        time.sleep(0.02)


@pytest.mark.slow
def test_of_several_processes_one_holds_it_at_a_time(tmp_path: Path) -> None:
    path, log = tmp_path / "one.lease", tmp_path / "log"
    processes = [start(path, log, 0.3) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert log.read_text(encoding="utf-8").split() == ["in", "out"] * 4
    assert list(tmp_path.iterdir()) == [log]


@pytest.mark.slow
def test_a_killed_holder_does_not_hold_others_up(tmp_path: Path) -> None:
    path, log = tmp_path / "one.lease", tmp_path / "log"
    process = start(path, log, 600)
    wait_for(log, "in")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert path.exists()
    with leased(path):
        assert json.loads(path.read_text(encoding="utf-8"))["pid"] == os.getpid()
    assert not path.exists()


def test_another_machines_holder_without_a_sign_of_life_is_taken_for_dead(tmp_path: Path) -> None:
    path = tmp_path / "one.lease"
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "token": "x"}), encoding="utf-8")
    with leased(path, dead=0.5):
        assert "elsewhere" not in path.read_text(encoding="utf-8")


def test_another_machines_holder_with_signs_of_life_is_waited_for(tmp_path: Path) -> None:
    path, stop = tmp_path / "one.lease", threading.Event()
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "token": "x"}), encoding="utf-8")

    def live() -> None:
        for _ in range(30):
            time.sleep(0.1)
            os.utime(path)
        stop.set()
        path.unlink()

    living = threading.Thread(target=live)
    living.start()
    with leased(path, dead=1.5):
        assert stop.is_set()
    living.join()


def test_a_file_cut_short_holds_nobody_up_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "one.lease"
    path.touch()
    with leased(path, dead=0.3):
        assert path.read_text(encoding="utf-8")


def test_an_error_under_it_lets_it_go(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), leased(tmp_path / "one.lease"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
