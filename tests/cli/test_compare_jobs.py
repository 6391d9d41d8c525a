"""Runs side by side: where they compute, in which order they begin, how they end, what is shown."""

from __future__ import annotations

import io
import json
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from mft_cli.compare_beside import Beside, cuda_devices, shares
from mft_cli.compare_job import RunEnd, RunJob
from mft_cli.compare_pool import side_by_side
from mft_cli.compare_progress import EventFile, RunsProgress
from mft_core.comparison.arms import ArmRun
from mft_core.errors import UsageError
from mft_core.recipe.schema import Recipe


def test_cores_are_shared_evenly_and_neighbours_stay_together() -> None:
    assert shares([0, 1, 2, 3, 8, 9], 4) == [(0,), (1, 2), (3,), (8, 9)]
    assert shares(range(16), 4)[1] == (4, 5, 6, 7)
    assert shares([0, 1], 2) == [(0,), (1,)]
    assert shares([4, 5], 3) == [(4,), (5,), (4,)]


def test_devices_are_those_that_are_visible_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert cuda_devices({}) == ["0", "1"]
    assert cuda_devices({"CUDA_VISIBLE_DEVICES": "3,GPU-5"}) == ["3", "GPU-5"]
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    assert cuda_devices({"CUDA_VISIBLE_DEVICES": ""}) == []


def test_ranks_of_a_launcher_start_no_further_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    assert Beside(1, [], []).jobs == 1
    with pytest.raises(UsageError, match="--jobs starts processes of its own"):
        Beside(2, [], [])


def arm_run(name: str) -> ArmRun:
    return ArmRun(name, "", 0, Recipe().having("output", dir=name))


class Later(ArmRun):
    """A run that needs others."""

    __slots__ = ()

    @property
    def needs(self) -> tuple[Path, ...]:
        return (Path("a"), Path("b"))


class Steps:
    """A worker that ends after so many looks, or when it is asked to."""

    def __init__(self, looks: int, outcome: RunEnd) -> None:
        self.looks, self.end, self.asked = looks, outcome, False

    def outcome(self) -> RunEnd | None:
        self.looks -= 1
        return RunEnd(130) if self.asked else self.end if self.looks <= 0 else None

    def interrupt(self, number: signal.Signals) -> None:
        assert number == signal.SIGINT
        self.asked = True


def progress(tmp_path: Path, *names: str, terminal: bool = False) -> tuple[RunsProgress, io.StringIO]:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=100, _environ={"TERM": "xterm"})
    jobs = {f"{name}, seed 0": job(tmp_path, name) for name in names}
    return RunsProgress(console, tmp_path / "compare.log", jobs, lambda: 0.0), stream


def job(tmp_path: Path, name: str) -> RunJob:
    request: Any = SimpleNamespace()
    return RunJob(request, [], tmp_path / name, [], [], tmp_path, tmp_path / f"{name}.events", 2)


def test_a_failed_run_keeps_none_from_its_place_and_makes_the_exit_code(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("mft_cli.compare_pool.SECONDS_BETWEEN_LOOKS", 0.0)
    begun: list[tuple[str, int]] = []
    looks = {"a": 5, "b": 1, "c": 2, "d": 1}

    def start(run: ArmRun, place: int) -> Steps:
        begun.append((run.arm, place))
        outcome = RunEnd(1, "it broke", "mend it") if run.arm == "b" else RunEnd(0)
        return Steps(looks[run.arm], outcome)

    shown, stream = progress(tmp_path, *looks)
    assert side_by_side([arm_run(name) for name in looks], start, 2, shown) == 1
    assert begun == [("a", 0), ("b", 1), ("c", 1), ("d", 1)]
    assert "b, seed 0: failed: it broke\nb, seed 0: mend it\n" in stream.getvalue()
    assert stream.getvalue().count("finished (") == 3
    logged = (tmp_path / "compare.log").read_text().splitlines()
    assert [line[21:] for line in logged] == stream.getvalue().splitlines()


def test_a_run_waits_for_those_it_needs(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("mft_cli.compare_pool.SECONDS_BETWEEN_LOOKS", 0.0)
    begun: list[tuple[str, list[str]]] = []
    going: dict[str, Steps] = {}

    def start(run: ArmRun, place: int) -> Steps:
        begun.append((run.arm, [name for name, worker in going.items() if worker.looks > 0]))
        going[run.arm] = Steps({"a": 5, "b": 2, "c": 9, "m": 1}[run.arm], RunEnd(int(run.arm == "b")))
        return going[run.arm]

    runs = [Later("m", "", 0, Recipe().having("output", dir="m")), *(arm_run(name) for name in "abc")]
    shown, _ = progress(tmp_path, *"mabc")
    assert side_by_side(runs, start, 3, shown) == 1
    assert begun == [("a", []), ("b", ["a"]), ("c", ["a", "b"]), ("m", ["c"])]


def test_asked_to_stop_it_begins_none_and_lets_those_that_go_on_end(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("mft_cli.compare_pool.SECONDS_BETWEEN_LOOKS", 0.0)
    begun: list[str] = []

    def start(run: ArmRun, place: int) -> Steps:
        begun.append(run.arm)
        if run.arm == "b":
            os.kill(os.getpid(), signal.SIGINT)
        return Steps(1000, RunEnd(0))

    shown, stream = progress(tmp_path, *"abc")
    assert side_by_side([arm_run(name) for name in "abc"], start, 2, shown) == 130
    assert begun == ["a", "b"]
    assert "a, seed 0: stopped\nb, seed 0: stopped\n" in stream.getvalue()


def test_events_are_taken_whole_and_once(tmp_path: Path) -> None:
    path = tmp_path / "events"
    events = EventFile(path, tmp_path)
    assert events.new() == []
    path.write_text('{"event": "train", "step": 1, "loss": 2.5}\n{"event": "tr')
    (first,) = events.new()
    assert (first.name, first.step, first.data) == ("train", 1, {"loss": 2.5})
    assert events.new() == []
    with path.open("a") as stream:
        stream.write('ain", "step": 2}\n')
    assert [event.step for event in events.new()] == [2]


def test_on_a_terminal_a_table_shows_the_runs_and_only_what_matters_stays(tmp_path: Path) -> None:
    shown, stream = progress(tmp_path, "famo", terminal=True)
    start = {"event": "start", "step": 0, "steps": 4, "tasks": {"add": {}}}
    train = {"event": "train", "step": 2, "loss": 1.25, "tasks": {"add": {"loss": 1.25, "weight": 1.0, "tokens": 3}}}
    warning = {"event": "warning", "step": 2, "message": "look out"}
    with shown:
        shown.begin("famo, seed 0")
        (tmp_path / "famo.events").write_text("".join(json.dumps(each) + "\n" for each in (start, train, warning)))
        shown.look("famo, seed 0")
        shown._console.print(shown._render())
        shown.end("famo, seed 0", RunEnd(0), stopping=False)
    text = stream.getvalue()
    assert "2/4" in text
    assert "1.250" in text
    assert "famo, seed 0: warning at step 2: look out" in text
    assert "famo, seed 0: step 2" not in text
    assert "famo, seed 0: step 2/4" in (tmp_path / "compare.log").read_text()
    assert not (tmp_path / "famo.events").exists()


def test_a_worker_computes_with_as_many_threads_as_it_would_alone(tmp_path: Path) -> None:
    assert job(tmp_path, "a").environment == {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}
