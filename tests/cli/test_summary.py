"""The plan before a run and the result after it, as text."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from helpers.screens import control_characters
from mft_cli.plan_facts import PlanFacts, ProbeFacts, TaskFacts
from mft_cli.summary import print_plan, print_result
from mft_core.run.results import RunFacts
from mft_core.run.task_result import TaskResult

RUN = Path("runs/one")


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


def test_plan_shows_what_the_targets_count_as_only_where_they_have_weights() -> None:
    plain = TaskFacts("plain", 10, 2, 900, 300)
    assert "weighted" not in printed(print_plan, plan([plain]))
    text = printed(print_plan, plan([plain, TaskFacts("uneven", 10, 2, 900, 300, weighted_tokens=1216.4)]))
    rows = [line.split() for line in text.splitlines() if "300" in line or "600" in line]
    assert "weighted" in text
    assert [row[-1] for row in rows] == ["300", "1,216", "1,516"]


def test_plan_says_what_a_probe_costs() -> None:
    assert "probe" not in printed(print_plan, plan([]))
    text = printed(print_plan, plan([], probe=ProbeFacts(40, 12_400, 1)))
    assert "40 validation samples, 12.4k tokens, one forward every step" in text
    text = printed(print_plan, plan([], probe=ProbeFacts(1, 300, 10)))
    assert "1 validation sample, 300 tokens, one forward every 10 steps" in text
    text = printed(print_plan, plan([], probe=ProbeFacts(12, 300, 20, "training and validation", gradients=True)))
    expected = "12 training and validation samples, 300 tokens, one forward and backward every 20 steps"
    assert expected in " ".join(text.split())


def test_plan_of_one_task_that_writes_nothing() -> None:
    tasks = [TaskFacts("only", 1, 1, 1, 1)]
    warnings = ["the model has random weights"]
    facts = plan(tasks, random_weights=True, output=None, trainable=None, total=None, memory=None, warnings=warnings)
    text = printed(print_plan, facts)
    assert text.count("random weights") == 1
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


def test_result_says_how_many_steps_were_done_again() -> None:
    text = printed(print_result, result([outcome("repair", 3.0, 2.0)], extra_steps=30))
    assert "finished; 120 of 120 steps and 30 done again in 2:31" in text


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


def test_the_rest_of_many_tasks_is_shown_on_request() -> None:
    def everything(console: Console, facts: Any) -> None:
        (print_result if isinstance(facts, RunFacts) else print_plan)(console, facts, all_tasks=True)

    tasks = [outcome(f"task-{index:03d}", 2.0, 1.0 + index / 100) for index in range(200)]
    assert "mft report runs/one --all-tasks" in printed(print_result, result(tasks))
    assert "task-100" in printed(everything, result(tasks))
    planned = plan([TaskFacts(f"task-{index:03d}", 10, 1, 100, 50) for index in range(200)])
    assert "--all-tasks" in printed(print_plan, planned)
    assert "task-199" in printed(everything, planned)


def test_unmeasured_tasks_are_not_among_those_that_gained_most() -> None:
    tasks = [outcome(f"task-{index:03d}", 2.0, 1.0 + index / 100) for index in range(30)]
    unmeasured = [outcome(f"none-{index:03d}", None, None) for index in range(30)]
    text = printed(print_result, result([*unmeasured, *tasks]))
    assert "task-000" in text
    assert "none-" not in text


def test_what_changed_by_less_than_noise_is_no_improvement() -> None:
    tasks = [
        TaskResult("few", {}, 2.0, 1.9, 1.9, 100, 0.5, 1000, 0.25, tokens=16),
        TaskResult("many", {}, 2.0, 1.9, 1.9, 100, 0.5, 1000, 0.25, tokens=10_000),
        TaskResult("lost", {}, 2.0, 2.1, 2.0, 0, 0.5, 1000, 0.25, tokens=10_000),
    ]
    text = " ".join(printed(print_result, result(tasks)).split())
    assert "1 of 3 improved, 1 worse, 1 changed by less than the noise of so few validation tokens" in text


def test_small_weights_and_options_of_many_tasks_are_readable() -> None:
    tasks = [TaskResult(f"t{index}", {}, 2.0, 1.0, 1.0, 1, 1 / 300, 10, 0.1) for index in range(300)]
    assert "0.0033" in printed(print_result, result(tasks))
    options = {"alpha": {f"t{index}": 1.5 for index in range(300)}}
    text = " ".join(printed(print_plan, plan([], loss_options=options)).split())
    assert "alpha={t0: 1.5, t1: 1.5, t2: 1.5, t3: 1.5, t4: 1.5 and 295 more}" in text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_everything_prints_on_a_poor_terminal(encoding: str) -> None:
    assert "\\u4efb" in printed(print_plan, plan([TaskFacts("任务", 1, 1, 1, 1)]), encoding)
    assert "\\u4efb" in printed(print_result, result([outcome("任务", 2.0, 1.0)]), encoding)
