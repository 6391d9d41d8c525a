"""Progress of a run, the plan before it and the result after it, as text."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mft_cli.progress import Progress
from mft_cli.summary import PlanFacts, ProbeFacts, TaskFacts, print_plan, print_result
from mft_core.events import Event
from mft_core.run.results import RunFacts, TaskResult
from mft_core.support import units

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


def control_characters(text: str) -> list[str]:
    return [char for char in text if not char.isprintable() and char != "\n"]


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
        "tokenizing repair: 0 of 1,000",
        "tokenizing repair: 500 of 1,000",
        "tokenizing repair: 1,000 of 1,000",
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
    assert "tokenizing repair: 40 of 100" in screen.text


def plan(tasks: list[TaskFacts], **changes: Any) -> PlanFacts:
    facts: dict[str, Any] = {
        "adapter": "llama", "base": "smollm2", "random_weights": False, "dtype": "float32", "device": "cpu",
        "tuning": "LoRA rank 16", "tasks": tasks, "packer": "best-fit", "rows": 1234, "packing_efficiency": 0.973,
        "steps": 120, "epochs": 3.0, "batch_rows": 32, "tokens_per_step": 21234.5, "loss": "famo",
        "loss_options": {"rho": 0.1}, "trainable": 4_884_480, "total": 139_400_064, "memory": 3_400_000_000,
        "output": Path("runs/llama-famo"),
    }  # fmt: skip
    return PlanFacts(**(facts | changes))


def printed(function: Any, facts: Any, encoding: str = "utf-8") -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
    function(Console(file=stream, width=80), facts)
    stream.flush()
    return stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]


def test_plan_says_what_is_going_to_happen_in_80_columns() -> None:
    tasks = [
        TaskFacts("completion", 4100, 210, 1_230_000, 400_000, dropped=3, truncated=2, bad=1),
        TaskFacts("a-name-that-is-much-longer-than-a-column", 20, 0, 900, 300, weight=0.5),
    ]
    text = printed(print_plan, plan(tasks, warnings=["a-name has no validation data"]))
    for expected in (
        "llama, base smollm2, float32 on cpu", "4.88M of 139M", "famo (rho=0.1)", "1,234 rows, 97.3%", "120 steps",
        "3 epochs", "21.2k tokens", "3.2 GiB", "runs/llama-famo", "4,100", "1.23M", "dropped", "truncated", "bad",
        "weight", "all 2 tasks", "4,120", "warning: a-name has no validation data",
    ):  # fmt: skip
        assert expected in text
    assert max(map(len, text.splitlines())) <= 80
    assert control_characters(text) == []
    assert "random" not in text


def test_plan_says_what_a_probe_costs() -> None:
    assert "probe" not in printed(print_plan, plan([]))
    text = printed(print_plan, plan([], probe=ProbeFacts(40, 12_400, 1)))
    assert "40 validation samples, 12.4k tokens, one forward every step" in text
    text = printed(print_plan, plan([], probe=ProbeFacts(1, 300, 10)))
    assert "1 validation sample, 300 tokens, one forward every 10 steps" in text


def test_plan_with_random_weights_says_so() -> None:
    tasks = [TaskFacts("only", 1, 1, 1, 1)]
    text = printed(print_plan, plan(tasks, random_weights=True, output=None, trainable=None, total=None, memory=None))
    assert "random weights: for trying things out" in text
    assert "nothing is written" in text
    assert "memory" not in text
    assert "all 1 task" not in text


def test_plan_of_many_tasks_counts_those_it_does_not_list() -> None:
    text = printed(print_plan, plan([TaskFacts(f"task-{index:03d}", 10, 1, 100, 50) for index in range(200)]))
    assert "177 more tasks   1,770" in text
    assert "all 200 tasks    2,000" in text
    assert len(text.splitlines()) < 45


def result(tasks: list[TaskResult], **changes: Any) -> RunFacts:
    facts: dict[str, Any] = {
        "run": RUN, "start": {}, "step": 120, "steps": 120, "reason": "done", "seconds": 151.0, "tokens": 1_234_567,
        "before": 2.5, "after": 2.0, "tasks": tuple(tasks), "final": RUN / "final",
    }  # fmt: skip
    return RunFacts(**(facts | changes))


def outcome(name: str, before: float | None, after: float | None) -> TaskResult:
    return TaskResult(name, {}, before, after, after, 100, 0.5, 1000, 0.25)


def test_result_shows_every_task_and_how_to_go_on() -> None:
    tasks = [outcome("completion", 2.0, 1.0), outcome("repair", 3.0, 3.3), outcome("unmeasured", None, None)]
    scores = ({"task": "humaneval", "metric": "pass@1", "value": 0.125, "n": 164},)
    text = printed(print_result, result(tasks, warnings=((7, "repair overfits"),), scores=scores))
    for expected in (
        "completion", "-50.0%", "+10.0%", "unmeasured", "all tasks", "-20.0%", "finished; 120 of 120 steps in 2:31",
        "1.23M tokens", "1 of 3 improved", "runs/one/final", 'mft generate runs/one --prompt "..."',
        "mft chat runs/one", "mft export runs/one --output DIR", "warning: step 7: repair overfits",
        "humaneval", "0.125",
    ):  # fmt: skip
        assert expected in text
    assert control_characters(text) == []


def test_result_of_a_broken_off_run_says_how_to_resume() -> None:
    text = printed(print_result, result([outcome("a", 2.0, None)], reason=None, after=None, final=None, step=7))
    assert "no end recorded" in text
    assert "mft run --resume --output runs/one" in text
    assert "improved" not in text


def test_result_of_many_tasks_lists_winners_and_losers() -> None:
    tasks = [outcome(f"task-{index:03d}", 2.0, 1.0 + index / 100) for index in range(200)]
    text = printed(print_result, result(tasks))
    assert "task-199" in text
    assert "task-000" in text
    assert "task-100" not in text
    assert "178 more tasks" in text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_everything_prints_on_a_poor_terminal(encoding: str) -> None:
    assert "\\u4efb" in printed(print_plan, plan([TaskFacts("任务", 1, 1, 1, 1)]), encoding)
    assert "\\u4efb" in printed(print_result, result([outcome("任务", 2.0, 1.0)]), encoding)


def test_numbers_read_well() -> None:
    assert [units.count(value) for value in (0, 9999, 10_000, 999_999, 1_234_567, 2e9, None)] == [
        "0", "9,999", "10k", "1M", "1.23M", "2B", "-",
    ]  # fmt: skip
    assert [units.duration(value) for value in (0, 59.6, 3661, None, math.nan)] == ["0:00", "1:00", "1:01:01", "-", "-"]
    assert [units.loss(value) for value in (1.23456, 0.00012, 0.0, None, math.nan)] == [
        "1.235", "1.20e-04", "0.000", "-", "-",
    ]  # fmt: skip
    assert [units.memory(value) for value in (2**20, 3 * 2**30, 2**41)] == ["1 MiB", "3.0 GiB", "2.0 TiB"]
    assert (units.percent(0.1234), units.percent(0.5, signed=True)) == ("12.3%", "+50.0%")
    assert units.shorten("abcdefghij", 8) == "abcd..ij"
