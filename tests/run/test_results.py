"""What a run came to, read from its events."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from helpers.made_up_affinities import log_affinities
from helpers.made_up_runs import write_run
from mft_core.errors import UsageError
from mft_core.events import EventLog
from mft_core.run.results import load_events, read_run_facts, run_facts
from mft_core.run.task_result import relative_change


def test_facts_of_a_finished_run(tmp_path: Path) -> None:
    facts = read_run_facts(write_run(tmp_path / "run", ["completion", "repair"]))
    completion, repair = facts.tasks
    assert (facts.step, facts.steps, facts.reason, facts.seconds, facts.tokens) == (60, 60, "done", 70.0, 12345)
    assert (completion.before, completion.after, completion.best_step) == (2.0, 1.0, 60)
    assert completion.change == -0.5
    assert completion.perplexity == pytest.approx(math.e)
    assert (repair.before, repair.after, repair.best, repair.best_step) == (2.5, 3.0, 2.5, 0)
    assert repair.change == pytest.approx(0.2)
    assert (completion.seen, repair.seen) == (0, 600)
    assert (completion.share, repair.share) == (0.0, 1.0)
    assert repair.weight == 0.5
    assert facts.improved == 1
    assert json.loads(json.dumps(facts.as_json(), allow_nan=False))["tasks"]["repair"]["best_step"] == 0


def test_commands_that_test_groups_watch_what_the_run_watched(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.emit("start", 0, model={}, tasks={}, watched={"text": {}}, steps=60)
    log.emit("train", 60, epoch=2.0, steps=60, loss=1.0, seconds=1.0, tasks={})
    log_affinities(tmp_path, ["sql", "code", "docs", "repair"])
    commands = [command for _, command in read_run_facts(tmp_path).tests]
    assert len(commands) == 2
    assert all('"text"]' in command and command.endswith("--epochs 2") for command in commands)


def test_a_run_stopped_before_its_second_evaluation_claims_no_change(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ["only"], steps=10, every=1, end=False)
    facts = read_run_facts(run)
    assert facts.before == 2.0
    assert facts.after is None
    assert facts.change is None
    assert facts.tasks[0].change is None
    assert facts.improved == 0


def test_after_is_that_of_the_selected_model_where_there_is_one(tmp_path: Path) -> None:
    losses = {0: 2.0, 10: 1.0, 20: 1.5}
    events = [
        {
            "event": "eval",
            "step": at,
            "loss": loss,
            "tasks": {"only": {"loss": loss}},
            "watched": {"w": {"loss": loss}},
        }
        for at, loss in losses.items()
    ]
    end = {"event": "end", "step": 20, "reason": "stopped early", "selected": 10}
    for ending, after in ((end, 1.0), ({**end, "reason": "interrupted"}, 1.5), ({**end, "selected": 0}, 2.0)):
        facts = run_facts(tmp_path, [*events, ending])
        assert [facts.after, facts.tasks[0].after, facts.watched[0].after] == [after] * 3
    assert run_facts(tmp_path, events).after == 1.5


def test_change_from_zero_is_undefined() -> None:
    assert relative_change(0.0, 1.0) is None
    assert relative_change(None, 1.0) is None
    assert relative_change(2.0, 0.0) == -1.0


def test_no_run_folder_is_an_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run folder"):
        read_run_facts(tmp_path)


def test_facts_need_no_start_event(tmp_path: Path) -> None:
    events = [event for event in load_events(write_run(tmp_path / "r", ["x", "y"])) if event["event"] != "start"]
    assert [task.name for task in run_facts(tmp_path, events).tasks] == ["x", "y"]


def test_warnings_of_one_kind_are_one(tmp_path: Path) -> None:
    start = {"event": "start", "step": 0, "tasks": {}, "warnings": ["random weights"]}
    stalls = [
        {
            "event": "warning",
            "step": step,
            "message": f"task 't{step}' stalls: ...",
            "kind": "stalls",
            "tasks": [f"t{step}"],
        }
        for step in range(10, 20)
    ]
    other = {"event": "warning", "step": 12, "message": "report failed"}
    facts = run_facts(tmp_path, [start, *stalls, other, {"event": "warning", "step": 13, "message": "again"}])
    assert facts.warnings == (
        (0, "random weights"),
        (10, "stalls: 10 tasks by step 19: t10, t11, t12, t13, t14 and 5 more tasks"),
        (12, "report failed"),
        (13, "again"),
    )
    assert run_facts(tmp_path, [start, stalls[0]]).warnings[1] == (10, "task 't10' stalls: ...")


def test_what_was_forgotten_is_that_of_the_selected_model_the_worst_first(tmp_path: Path) -> None:
    def measured(step: int, one: float, two: float) -> dict:
        watched = {"one": {"loss": one, "tokens": 900}, "two": {"loss": two, "tokens": 900}}
        return {
            "event": "eval",
            "step": step,
            "loss": 1.0,
            "tasks": {"a": {"loss": 1.0, "tokens": 9}},
            "watched": watched,
        }

    events = [measured(0, 2.0, 2.0), measured(5, 1.0, 3.0), measured(9, 9.0, 9.0)]
    end = {"event": "end", "step": 9, "reason": "stopped early", "selected": 5}
    found = run_facts(tmp_path, [*events, end]).forgetting
    assert [(task.name, task.before, task.after, task.verdict) for task in found] == [
        ("two", 2.0, 3.0, "worse"),
        ("one", 2.0, 1.0, "improved"),
    ]
    assert [task.after for task in run_facts(tmp_path, events).forgetting] == [9.0, 9.0]
    start = {"event": "start", "step": 0, "max_forgetting": 0.2}
    bounded = run_facts(tmp_path, [start, *events, {**end, "reason": "forgetting"}])
    assert [task.name for task in bounded.forgotten] == bounded.as_json()["forgotten"] == ["two"]
    assert bounded.ending == "stopped early, as it forgot more than train.max_forgetting allows"
    assert run_facts(tmp_path, [*events, end]).forgotten == ()
    base = run_facts(tmp_path, [*events, {**end, "selected": 0}]).as_json()["forgetting"]
    assert [(task["task"], task["change"]) for task in base] == [("one", 0.0), ("two", 0.0)]


def test_steps_done_again_are_the_latest_count_and_stand_beside_the_steps_of_the_course(tmp_path: Path) -> None:
    decided = {"event": "decision", "left_out": ["a"], "remaining": ["b"], "to_step": 2, "given_up": [],
               "most_extra_steps": 9, "hindrance": ""}  # fmt: skip
    events = [{**decided, "step": 2, "from_step": 4, "extra_steps": 2}, {**decided, "step": 2, "from_step": 5,
              "extra_steps": 5}, {"event": "end", "step": 9, "reason": "done", "selected": 9}]  # fmt: skip
    facts = run_facts(tmp_path, events)
    assert (facts.step, facts.extra_steps, facts.as_json()["extra_steps"]) == (9, 5, 5)
    assert run_facts(tmp_path, events[-1:]).extra_steps == 0
