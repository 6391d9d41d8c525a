"""Events: one line each, whatever a listener does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mft_core.errors import MftError
from mft_core.events import Event, EventLog, EventTail, read_events, read_outline


def test_numbers_that_are_not_finite_become_null(tmp_path: Path) -> None:
    line = Event("train", 3, tmp_path, {"loss": float("nan"), "tasks": {"a": [float("inf"), 1.5]}}).as_json()
    assert json.loads(line, parse_constant=str) == {
        "event": "train", "step": 3, "loss": None, "tasks": {"a": [None, 1.5]},
    }  # fmt: skip


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.emit("start", 0, task="任务")
    log.emit("train", 1, loss=2.0)
    whole = read_events(log.path)
    assert [event["event"] for event in whole] == ["start", "train"]
    with log.path.open("a") as stream:
        stream.write('{"event": "tra')
    assert read_events(log.path) == whole
    assert read_events(tmp_path / "nothing") == []


CHINESE = {"任务": {"loss": 1.5, "tokens": 3}, "größe": {"loss": 2.5, "tokens": 4}}


def test_a_log_cut_at_any_byte_is_read_and_goes_on(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.emit("start", 0, tasks=CHINESE)
    log.emit("train", 1, tasks=CHINESE)
    before = log.path.stat().st_size
    log.emit("train", 2, tasks=CHINESE)
    content, whole = log.path.read_bytes(), read_events(log.path)
    for kept in range(before, len(content)):
        log.path.write_bytes(content[:kept])
        torn = before < kept < len(content) - 1  # without its line break it is whole
        assert read_events(log.path) == (whole[:2] if kept < len(content) - 1 else whole)
        log.rewind(1)
        log.emit("train", 2)
        found = [json.loads(line) for line in log.path.read_text(encoding="utf-8").splitlines()]
        assert found[:2] == whole[:2]
        assert [event["event"] for event in found[2:]] == (["warning", "train"] if torn else ["train"])


@pytest.mark.parametrize("line", ["任".encode()[:2], b"[" * 100_000], ids=["within a letter", "nested too deep"])
def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path, line: bytes) -> None:
    log = EventLog(tmp_path)
    log.emit("start", 0)
    log.path.write_bytes(log.path.read_bytes() + line + b"\n")
    log.emit("train", 1)
    with pytest.raises(MftError, match=r"metrics\.jsonl:2 is no event of a run"):
        read_events(log.path)


LOGGING = """
import resource, sys
from pathlib import Path
from mft_core.errors import MftError
from mft_core.events import EventLog

if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
log, step = EventLog(Path(sys.argv[1])), 0
log.emit("start", 0)
try:
    while True:
        step += 1
        log.emit("train", step, tasks={"任务" * 3: {"loss": step}})
except MftError as error:
    print(step, error.message, error.hint, sep="\\n")
"""


def log_until_full(run: Path, *limit: str) -> list[str]:
    """Log in a process of its own until it cannot; the step it could not log, the message and the hint."""
    done = subprocess.run(
        [sys.executable, "-c", LOGGING, str(run), *limit], capture_output=True, encoding="utf-8", check=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("limit", [str(size) for size in range(3000, 3010)])
def test_a_log_that_grows_no_more_stays_whole_and_says_what_to_do(tmp_path: Path, limit: str) -> None:
    step, message, hint = log_until_full(tmp_path, limit)
    assert message.startswith(f"{tmp_path / 'metrics.jsonl'} cannot be written")
    assert hint.endswith(f"mft run --resume --output {tmp_path}")
    content = (tmp_path / "metrics.jsonl").read_bytes()
    assert content.endswith(b"\n")
    assert [event["step"] for event in read_events(tmp_path / "metrics.jsonl")] == list(range(int(step)))


@pytest.mark.slow
def test_a_full_disk_leaves_a_whole_log(small_disk: Path) -> None:
    (small_disk / "filling").write_bytes(bytes(15 << 18))
    step, message, _ = log_until_full(small_disk)
    assert "No space left" in message
    assert [event["step"] for event in read_events(small_disk / "metrics.jsonl")] == list(range(int(step)))
    log = EventLog(small_disk)
    with pytest.raises(MftError, match="cannot be written"):
        log.rewind(10**9)  # the new file has no room beside the old one
    assert read_events(log.path)[-1]["step"] == int(step) - 1


def test_rewinding_forgets_later_steps_and_ends(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    for name, step in (("start", 0), ("train", 1), ("end", 1), ("train", 2)):
        log.emit(name, step)
    log.rewind(1)
    assert [(event["event"], event["step"]) for event in read_events(log.path)] == [("start", 0), ("train", 1)]


@pytest.mark.parametrize("left", [None, b"", b'{"event": "train", "step": 1}\n', b'{"eve'])
def test_a_log_that_was_lost_is_told_when_the_run_goes_on(left: bytes | None, tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    if left is not None:
        log.path.write_bytes(left)
    log.rewind(4)
    warning = read_events(log.path)[-1]
    assert (warning["event"], warning["step"]) == ("warning", 4)
    assert "metrics.jsonl lacks" in warning["message"]
    assert "was removed, emptied or cut" in warning["message"]


def test_a_log_that_is_there_or_not_begun_is_not_lost(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.rewind(-1)
    assert read_events(log.path) == []
    log.emit("start", 0)
    log.rewind(4)
    assert [event["event"] for event in read_events(log.path)] == ["start"]


class Bare(BaseException):
    """What a listener should not raise, and some library does."""


def test_a_listener_that_raises_a_bare_base_exception_is_left_out_and_named(tmp_path: Path) -> None:
    seen: list[str] = []

    def fail(event: Event) -> None:
        raise Bare("oh")

    log = EventLog(tmp_path, {"bad": fail, "good": lambda event: seen.append(event.name)})
    for step in (1, 2):
        log.emit("train", step)
    assert [event["event"] for event in read_events(log.path)] == ["train", "warning", "train"]
    assert "bad failed on the event 'train' and is left out: Bare('oh')" in read_events(log.path)[1]["message"]
    assert sorted(seen) == ["train", "train", "warning"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(143)])
def test_a_signal_ends_the_run_inside_a_listener_too(stop: BaseException, tmp_path: Path) -> None:
    def end(event: Event) -> None:
        raise stop

    with pytest.raises(type(stop)):
        EventLog(tmp_path, {"it": end}).emit("train", 1)


def test_a_listener_that_fails_is_left_out_and_named(tmp_path: Path) -> None:
    seen: list[str] = []

    def fail(event: Event) -> None:
        raise RuntimeError("no luck")

    log = EventLog(tmp_path, {"bad": fail, "good": lambda event: seen.append(event.name)})
    log.emit("train", 1)
    log.emit("train", 2)
    assert [event["event"] for event in read_events(log.path)] == ["train", "warning", "train"]
    assert "bad failed on the event 'train'" in read_events(log.path)[1]["message"]
    assert sorted(seen) == ["train", "train", "warning"]


def test_a_tail_reads_every_event_once_and_only_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"event": "start", "step": 0}\n{"event": "tra')
    tail = EventTail(path)
    assert tail.read() == ([{"event": "start", "step": 0}], True)
    assert tail.read() == ([], False)
    with path.open("ab") as stream:
        stream.write(b'in", "step": 1}\n')
    assert tail.read() == ([{"event": "train", "step": 1}], False)


def test_a_tail_begins_anew_where_the_log_does(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.emit("start", 0)
    for step in range(1, 5):
        log.emit("train", step)
    tail = EventTail(log.path)
    tail.read()
    log.rewind(2)
    log.emit("train", 3)
    events, anew = tail.read()
    assert ([event["step"] for event in events], anew) == ([0, 1, 2, 3], True)
    log.path.write_bytes(b'{"event": "start", "step": 0}\n')  # shorter, in the same file
    assert tail.read() == ([{"event": "start", "step": 0}], True)


def test_a_tail_names_a_damaged_line(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"event": "start", "step": 0}\n')
    tail = EventTail(path)
    tail.read()
    with path.open("ab") as stream:
        stream.write(b"nonsense\n")
    with pytest.raises(MftError, match=r"metrics.jsonl:2 is no event"):
        tail.read()


def test_an_outline_has_all_but_the_many_events(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.emit("start", 0)
    for step in range(1, 4):
        log.emit("train", step)
        log.emit("affinity", step)
    log.emit("eval", 3)
    assert [(event["event"], event["step"]) for event in read_outline(log.path)] == [
        ("start", 0), ("train", 3), ("eval", 3),
    ]  # fmt: skip
    with log.path.open("ab") as stream:
        stream.write(b'{"event": "eval", "st')
    assert read_outline(log.path)[-1]["event"] == "eval"
    assert len(read_outline(log.path)) == 3
    assert read_outline(tmp_path / "none") == []
