"""The board's side of its worker."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from helpers.paths import REPOSITORY
from mft_board import worker_process
from mft_board.worker_process import WorkerProcess
from mft_core.errors import MftError


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerProcess]:
    monkeypatch.setattr(worker_process, "COMMAND", (sys.executable, str(REPOSITORY / "tests/helpers/board_worker.py")))
    worker = WorkerProcess()
    yield worker
    worker.close()


def process_of(worker: WorkerProcess, prompt: str = "x") -> str:
    """The number of the process that answered."""
    return [reply["text"] for reply in worker.ask(prompt=prompt) if "text" in reply][-1].split()[-1]


def test_one_process_answers_one_request_after_the_other(worker: WorkerProcess) -> None:
    assert process_of(worker) == process_of(worker)


def test_what_it_refuses_is_an_error_and_it_goes_on(worker: WorkerProcess) -> None:
    before = process_of(worker)
    with pytest.raises(MftError, match="that is wrong") as raised:
        list(worker.ask(prompt="wrong"))
    assert raised.value.hint == "do better"
    assert process_of(worker) == before


def test_one_that_dies_is_told_and_begun_again(worker: WorkerProcess) -> None:
    before = process_of(worker)
    with pytest.raises(MftError, match=r"has died \(exit code 3\)") as raised:
        list(worker.ask(prompt="crash"))
    assert raised.value.hint == "out of something"
    assert process_of(worker) != before
    with pytest.raises(MftError, match="memory ran out"):
        list(worker.ask(prompt="killed"))
    assert process_of(worker)


def test_whoever_stops_listening_ends_the_work(worker: WorkerProcess) -> None:
    replies = worker.ask(prompt="forever")
    assert next(replies) == {"text": "again "}
    process = worker._process
    replies.close()  # type: ignore[attr-defined]
    assert process is not None
    assert process.poll() is not None
    assert process_of(worker)


def test_closed_it_leaves_no_process(worker: WorkerProcess) -> None:
    process_of(worker)
    process = worker._process
    worker.close()
    assert process is not None
    assert process.poll() is not None
