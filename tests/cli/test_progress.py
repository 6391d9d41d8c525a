"""Progress of a run as text."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

from rich.console import Console

from helpers.screens import control_characters
from mft_cli.progress import Progress
from mft_core.events import Event

RUN = Path("runs/one")


class Screen:
    """A progress display into memory, with a clock that the test turns."""

    def __init__(self, terminal: bool = False, encoding: str = "utf-8") -> None:
        self.now = 0.0
        self.stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
        console = Console(file=self.stream, force_terminal=terminal, width=100, _environ={"TERM": "xterm"})
        self.progress = Progress(console, lambda: self.now)

    def send(self, name: str, step: int, **data: Any) -> None:
        self.progress(Event(name, step, RUN, data))

    @property
    def text(self) -> str:
        self.stream.flush()
        raw = self.stream.buffer.getvalue()  # type: ignore[attr-defined]
        return raw.decode(self.stream.encoding)

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


def train(losses: dict[str, float], weight: float = 0.25, **data: Any) -> dict[str, Any]:
    tasks = {name: {"loss": loss, "weight": weight, "tokens": 7} for name, loss in losses.items()}
    return {
        "loss": 1.5,
        "tokens_per_second": 812.0,
        "learning_rate": 1.9e-4,
        "gradient_norm": 0.8,
        "tasks": tasks,
    } | data


def evaluation(losses: dict[str, float]) -> dict[str, Any]:
    return {"loss": 1.25, "tasks": {name: {"loss": loss, "tokens": 5} for name, loss in losses.items()}}


def start(names: list[str], steps: int = 120) -> dict[str, Any]:
    return {"steps": steps, "tasks": {name: {"train": 10} for name in names}}


def test_a_log_gets_one_plain_line_per_event() -> None:
    screen = Screen()
    with screen.progress:
        screen.send("start", 0, **start(["completion", "repair"]))
        screen.now = 30.0
        screen.send("eval", 0, **evaluation({"completion": 3.0, "repair": 2.0}))
        screen.now = 70.0
        screen.send("train", 40, **train({"completion": 1.234, "repair": math.nan}))
        screen.send("checkpoint", 40, path="checkpoints/step-000040", best=True)
        screen.send("skip", 41, reason="loss is not finite", tasks=["repair"], samples=[3])
        screen.send("warning", 41, message="careful\nnow")
        screen.send("end", 41, reason="interrupted", seconds=75.0)
    trained = "step 40/120  33%  loss 1.500  lr 1.9e-04  |g| 0.8  812 tok/s  1:20 left"
    assert screen.lines == [
        "training 2 tasks, 120 steps",
        "eval 0/120  loss 1.250  completion 3.000  repair 2.000",
        f"{trained}  completion 1.234 (w .25)  repair - (w .25)",
        "checkpoint at step 40: checkpoints/step-000040 (best so far)",
        "step 41 not taken: loss is not finite (tasks: repair)",
        "warning at step 41: careful\\nnow",
        "ended at step 41 after 1:15: interrupted",
    ]


def test_an_evaluation_says_what_is_watched_behind_what_is_trained() -> None:
    screen = Screen()
    screen.send("start", 0, **start(["a", "b"]))
    watched = {"comment": {"loss": 7.85, "tokens": 5}, "talk": {"loss": math.nan, "tokens": 0}}
    screen.send("eval", 72, **evaluation({"a": 1.0, "b": 2.0}), watched=watched)
    assert screen.lines[-1] == "eval 72/120  loss 1.250  a 1.000  b 2.000  watched: comment 7.850  talk -"


def test_of_many_watched_tasks_an_evaluation_says_a_few() -> None:
    screen = Screen()
    watched = {f"t{index:02d}": {"loss": index / 10, "tokens": 5} for index in range(1, 101)}
    screen.send("eval", 1, **evaluation({"a": 1.0}), watched=watched)
    line = screen.lines[-1]
    assert "a 1.000  watched: t90 9.000  t91 9.100" in line
    assert line.endswith("89 more 0.100 to 8.900, median 4.500")


def test_a_run_that_combines_adapters_is_not_said_to_train() -> None:
    screen = Screen()
    screen.send("start", 0, **start(["add", "sort"], 1), adapters=2)
    assert screen.lines == ["combining 2 adapters; nothing is trained"]


def test_a_task_absent_from_a_window_keeps_its_last_loss() -> None:
    screen = Screen()
    screen.send("start", 0, **start(["a", "b"]))
    screen.send("train", 1, **train({"a": 1.0, "b": 2.0}))
    screen.send("train", 2, **train({"a": 1.1, "b": math.nan}))
    assert screen.lines[-1].endswith("a 1.100 (w .25)  b 2.000 (w .25)")


def test_time_left_of_a_resumed_run_counts_only_its_own_steps() -> None:
    screen = Screen()
    screen.send("train", 50, **train({"a": 1.0}, steps=100, seconds=1000.0))
    assert "left" not in screen.lines[-1]
    assert "step 50/100  50%" in screen.lines[-1]
    screen.now = 20.0
    screen.send("train", 60, **train({"a": 1.0}, steps=100, seconds=1020.0))
    assert "1:20 left" in screen.lines[-1]


def test_a_log_has_no_control_characters_and_every_task() -> None:
    names = ["plain", "esc\x1b[31mred", "任务", "[bold]markup[/bold]", "tab\there"]
    screen = Screen()
    with screen.progress:
        screen.send("start", 0, **start(names))
        screen.send("train", 1, **train(dict.fromkeys(names, 1.0)))
    assert control_characters(screen.text) == []
    for name in ("plain", "esc\\x1b[31mred", "任务", "[bold]markup[/bold]", "tab\\there"):
        assert f"{name} 1.000" in screen.lines[-1]


def test_a_log_that_cannot_write_a_name_escapes_it() -> None:
    screen = Screen(encoding="ascii")
    screen.send("train", 1, **train({"任务": 1.0}, steps=3))
    assert "\\u4efb\\u52a1 1.000" in screen.text


def test_many_tasks_are_summarised_not_hidden() -> None:
    screen = Screen()
    screen.send("train", 1, **train({f"t{index:02d}": index / 10 for index in range(1, 101)}, steps=9))
    line = screen.lines[-1]
    assert all(f"t{index} " in line for index in range(90, 100))
    assert "t89 " not in line
    assert line.endswith("89 more 0.100 to 8.900, median 4.500")


def test_long_work_shows_life_without_flooding_a_log() -> None:
    screen = Screen()
    for done in range(1001):
        screen.now = done / 50
        screen.progress.tokenizing("repair", done, 1000)
    screen.progress.message("downloading smollm2")
    assert screen.lines == [
        "tokenising repair: 0%",
        "tokenising repair: 50%",
        "tokenising repair: 100%",
        "downloading smollm2",
    ]


def test_a_terminal_gets_a_table_that_goes_away() -> None:
    screen = Screen(terminal=True)
    with screen.progress:
        screen.send("start", 0, **start([f"task-{index}" for index in range(20)]))
        screen.send("eval", 0, **evaluation({f"task-{index}": 3.0 for index in range(20)}))
        screen.send("train", 40, **train({f"task-{index}": 2.0 + index / 100 for index in range(20)}))
        screen.send("warning", 40, message="careful")
    assert "\x1b[" in screen.text
    for expected in (
        "validation loss",
        "step 40/120  33%",
        "812 tok/s",
        "task-19",
        "2.190",
        "3.000",
        "9 more",
        "careful",
    ):
        assert expected in screen.text
    # The run broke off (no end event): what was known last stays on the screen.
    assert "step 40/120" in screen.text.rsplit("\x1b[2K", 1)[-1]


def test_a_terminal_shows_long_work() -> None:
    screen = Screen(terminal=True)
    with screen.progress:
        screen.progress.tokenizing("repair", 40, 100)
    assert "tokenising repair: 40%" in screen.text


def test_a_run_that_goes_back_says_so_and_counts_the_time_left_anew() -> None:
    screen = Screen()
    screen.send("start", 0, **start(["a", "b"]))
    screen.send("eval", 0, **evaluation({"a": 2.0, "b": 2.0}))
    screen.now = 100.0
    screen.send("train", 20, **train({"a": 1.0, "b": 1.0}))
    decided = {"left_out": ["a"], "remaining": ["b"], "from_step": 20, "to_step": 10, "extra_steps": 10}
    screen.send("decision", 10, **decided, most_extra_steps=120, losses={}, back_at=None, given_up=[], hindrance="")
    screen.now = 110.0
    screen.send("train", 20, **train({"a": 1.0, "b": 1.0}))
    said, last = screen.lines[-2:]
    assert said.startswith("step 10: 'a' leaves the mixture")
    assert "Back from step 20 to step 10. 10 of at most 120 steps done again so far" in said
    assert "step 20/120" in last
    assert "1:40 left" in last
