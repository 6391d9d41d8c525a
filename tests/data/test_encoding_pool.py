"""Worker processes find what one process finds; what ends them is said."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from helpers.token_data import Counting, pair, prepare, task_file
from helpers.worker_tokenizations import Killed, KilledInWorkers, StoppedForAWhile, Stopping
from mft_core.data import encoding_pool
from mft_core.data.jobs import CHUNK_BYTES
from mft_core.data.tokenising import prepare_tasks
from mft_core.errors import MftError
from mft_core.recipe.schema import DataSection
from mft_core.records import Record, Sample, TaskFiles
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_tokenization.tokenizations import MftCoder


class Faulty(MftCoder):
    """A plugin with a fault."""

    def encode(self, record: Record) -> Sample:
        raise KeyError("oops")


@pytest.mark.slow
def test_any_number_of_processes_gives_the_same(tmp_path: Path) -> None:
    records = [pair(number, number % 50) if number % 50 else "{" for number in range(4000)]
    path = task_file(tmp_path / "t.jsonl", records)
    assert path.stat().st_size > 4 * CHUNK_BYTES
    progress: list[tuple[str, int, int]] = []
    tokenizer, tokenization = small_tokenizer(), MftCoder()
    tokenization.bind(tokenizer)
    entries = []
    for processes in (1, 2):
        cache = tmp_path / f"cache{processes}"
        (task,) = prepare_tasks(
            [TaskFiles("t", (path,))],
            tokenization,
            tokenizer,
            DataSection(),
            cache,
            lambda *told: progress.append(told),
            processes,
        )
        entries.append({file.name: file.read_bytes() for file in task.train.entry.folder.iterdir()})
    assert entries[0] == entries[1]
    assert task.report.read == 4000
    assert [done for _, done, _ in progress[: len(progress) // 2]] == sorted({done for _, done, _ in progress})
    assert progress[-1][0] == "t"
    assert progress[-1][1] <= progress[-1][2] == path.stat().st_size


def within(seconds: float, work: object) -> BaseException | None:
    """What `work` raises; fails where it hangs."""
    caught: list[BaseException | None] = []

    def run() -> None:
        try:
            work()  # type: ignore[operator]
            caught.append(None)
        except BaseException as error:  # noqa: BLE001
            caught.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert caught, "it hangs"
    return caught[0]


@pytest.mark.slow
def test_a_killed_worker_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    path = task_file(tmp_path / "t.jsonl", [pair(number) for number in range(50)])
    error = within(120, lambda: prepare([TaskFiles("t", (path,))], tmp_path / "cache", Killed, processes=2))
    assert isinstance(error, MftError)
    assert re.search(r"died: process \d+ was killed by SIGKILL", error.message)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.slow
def test_a_worker_that_was_killed_while_this_process_worked_is_named_too(tmp_path: Path) -> None:
    path = task_file(tmp_path / "t.jsonl", [pair(number, 50) for number in range(4000)])
    files = [TaskFiles("t", (path,))]
    error = within(120, lambda: prepare(files, tmp_path / "cache", KilledInWorkers, processes=2))
    assert isinstance(error, MftError)
    assert re.search(r"died: process \d+ was killed by SIGKILL", error.message)


@pytest.mark.slow
def test_a_stopped_worker_is_an_error_that_names_it_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding_pool, "SECONDS_BETWEEN_LOOKS", 0.1)  # as many looks as ever
    path = task_file(tmp_path / "t.jsonl", [pair(number) for number in range(50)])
    error = within(240, lambda: prepare([TaskFiles("t", (path,))], tmp_path / "cache", Stopping, processes=2))
    assert isinstance(error, MftError)
    named = re.search(r"was stopped and does not go on: process (\d+)", error.message)
    assert named
    assert not Path(f"/proc/{named[1]}").exists()
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.slow
def test_a_worker_that_goes_on_again_is_waited_for(tmp_path: Path) -> None:
    path = task_file(tmp_path / "t.jsonl", [pair(number) for number in range(50)])
    (task,) = prepare([TaskFiles("t", (path,))], tmp_path / "cache", StoppedForAWhile, processes=2)
    assert task.report.read == 50


UNGUARDED = """
from pathlib import Path

from transformers import PreTrainedTokenizerFast

from mft_core.records import TaskFiles
from mft_core.data.tokenising import prepare_tasks
from mft_core.recipe.schema import DataSection
from mft_tokenization.tokenizations import MftCoder

tokenizer, tokenization = PreTrainedTokenizerFast.from_pretrained("tokenizer"), MftCoder()
tokenization.bind(tokenizer)
task = TaskFiles("t", (Path("t.jsonl"),))
prepare_tasks([task], tokenization, tokenizer, DataSection(), Path("cache"), lambda *_: None, 2)
"""


@pytest.mark.slow
def test_a_script_that_no_process_can_be_started_from_is_told_why(tmp_path: Path) -> None:
    task_file(tmp_path / "t.jsonl", [pair(number) for number in range(50)])
    small_tokenizer().save_pretrained(tmp_path / "tokenizer")
    (tmp_path / "script.py").write_text(UNGUARDED, encoding="utf-8")
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert 'under `if __name__ == "__main__":`' in done.stderr


def test_a_fault_of_a_tokenization_names_the_record(tmp_path: Path) -> None:
    path = task_file(tmp_path / "t.jsonl", [pair(0)])
    with pytest.raises(MftError, match=r"t\.jsonl:1: .*Faulty.*oops"):
        prepare([TaskFiles("t", (path,))], tmp_path / "cache", kind=Faulty)
    assert gc.isenabled()


def test_a_tokenization_no_fresh_process_can_build_runs_here(tmp_path: Path) -> None:
    class Local(Counting):
        """Cannot be pickled."""

    path = task_file(tmp_path / "t.jsonl", [pair(number) for number in range(20)])
    Local.calls = 0
    (task,) = prepare([TaskFiles("t", (path,))], tmp_path / "cache", kind=Local, processes=2)
    assert (Local.calls, len(task.train)) == (20, 19)
