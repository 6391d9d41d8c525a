"""What came out of a run, read back from its metrics.jsonl; equally for a finished, a running and a killed one."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mft_core.errors import UsageError
from mft_core.events import read_events
from mft_core.objective.affinity import read_course
from mft_core.objective.affinity_summary import Affinity, summarised
from mft_core.run.affinity_words import affinity_as_json, commands_to_test
from mft_core.run.decisions import decision_words
from mft_core.run.gathered_events import GatheredEvents
from mft_core.run.task_result import TaskResult, relative_change
from mft_core.support import run_files
from mft_core.support.lists import first_few
from mft_core.support.suggestions import nearest_folder

ENDINGS = {
    None: "no end recorded: still running, or killed",
    "done": "finished",
    "interrupted": "interrupted; can be resumed",
    "forgetting": "stopped early, as it forgot more than train.max_forgetting allows",
}


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run in numbers.

    Attributes:
        run: the run folder.
        start: the fields of the "start" event.
        step: optimizer steps done.
        steps: optimizer steps planned; None: unknown.
        reason: how it ended ("done", "interrupted", ...); None: no end was recorded.
        seconds: time so far; None: not recorded.
        tokens: tokens trained on, without padding, those of steps done again each time; None: not recorded.
        before: validation loss over all tasks at the first evaluation.
        after: the same of the finished model, at the step that was selected; before that, at the last evaluation of
            a later step.
        best: lowest validation loss over all tasks of all evaluations; None: not measured.
        best_step: optimizer step of `best`.
        tasks: per task that is trained, in the run's order.
        watched: per task that is only measured.
        warnings: messages of the run, oldest first, each with its step.
        skips: "skip" events (steps that were not taken).
        scores: "score" events.
        decisions: in words, what the loss decided after evaluations, each with its step.
        forgetting: per task that is only measured, `before` of the base and `after` of the result, the worst first.
        max_forgetting: the share by which these may be worse; 0: any.
        selected: the step whose weights are in `final`; None: the run has not ended.
        extra_steps: steps that were done again, beside `step`, because the loss went back.
        final: the folder of the final weights; None: not there.
        affinity: who helps whom; None: not measured.
        tests: (purpose, shell command): what would test what `affinity` says.
    """

    run: Path
    start: Mapping[str, Any]
    step: int
    steps: int | None
    reason: str | None
    seconds: float | None
    tokens: int | None
    before: float | None
    after: float | None
    tasks: tuple[TaskResult, ...]
    watched: tuple[TaskResult, ...] = ()
    warnings: tuple[tuple[int, str], ...] = ()
    skips: tuple[Mapping[str, Any], ...] = ()
    scores: tuple[Mapping[str, Any], ...] = ()
    final: Path | None = None
    affinity: Affinity | None = None
    tests: tuple[tuple[str, str], ...] = ()
    decisions: tuple[tuple[int, str], ...] = ()
    forgetting: tuple[TaskResult, ...] = ()
    max_forgetting: float = 0.0
    selected: int | None = None
    extra_steps: int = 0
    best: float | None = None
    best_step: int | None = None

    @property
    def change(self) -> float | None:
        """(after - before) / before over all tasks."""
        return relative_change(self.before, self.after)

    @property
    def ending(self) -> str:
        """How the run ended, in words."""
        return ENDINGS.get(self.reason, str(self.reason))

    @property
    def random_weights(self) -> bool:
        """Whether the base model was untrained."""
        return bool(self.start.get("model", {}).get("random_weights"))

    @property
    def commands(self) -> tuple[tuple[str, str], ...]:
        """(purpose, shell command): what can be done with the run now."""
        run = shlex.quote(str(self.run))
        if self.final is None:
            return (("continue the run", f"mft run --resume --output {run}"),)
        return (
            ("try it", f'mft generate {run} --prompt "..."'),
            ("talk to it", f"mft chat {run}"),
            ("a folder for plain transformers", f"mft export {run} --output DIR"),
        )

    @property
    def forgotten(self) -> tuple[TaskResult, ...]:
        """Of `forgetting`, the tasks that the result is worse at than `max_forgetting` allows, by noise or not."""
        most = self.max_forgetting
        return tuple(task for task in self.forgetting if most and task.change is not None and not task.change <= most)

    @property
    def improved(self) -> int:
        """Tasks whose validation loss is lower than before by more than noise."""
        return self.with_verdict("improved")

    def with_verdict(self, verdict: str) -> int:
        """How many tasks have it."""
        return sum(1 for task in self.tasks if task.verdict == verdict)

    def as_json(self) -> dict[str, Any]:
        """JSON values only, for `--json`."""
        watched = {task.name: _measured(task) for task in self.watched}
        tasks = {
            task.name: {
                **_measured(task),
                "weight": task.weight,
                "supervised_tokens_seen": task.seen,
                "supervised_share": task.share,
            }
            for task in self.tasks
        }
        return {
            "run": str(self.run), "reason": self.reason, "step": self.step, "steps": self.steps,
            "extra_steps": self.extra_steps,
            "seconds": self.seconds, "tokens": self.tokens, "before": self.before, "after": self.after,
            "change": self.change, "best": self.best, "best_step": self.best_step, "tasks": tasks, "watched": watched,
            "decisions": [{"step": step, "what": words} for step, words in self.decisions],
            "forgetting": [{"task": task.name, **_measured(task)} for task in self.forgetting],
            "max_forgetting": self.max_forgetting, "forgotten": [task.name for task in self.forgotten],
            "warnings": [message for _, message in self.warnings],
            "skipped_steps": len(self.skips), "selected": self.selected,
            "final": str(self.final) if self.final else None,
            "affinity": affinity_as_json(self.affinity, self.tests) if self.affinity else None,
        }  # fmt: skip


def _measured(task: TaskResult) -> dict[str, Any]:
    return {
        "before": task.before, "after": task.after, "change": task.change, "noise": task.noise,
        "verdict": task.verdict, "perplexity": task.perplexity, "best": task.best, "best_step": task.best_step,
    }  # fmt: skip


def read_run_facts(run: Path) -> RunFacts:
    """The facts of the run in folder `run`.

    Raises:
        UsageError: `run` holds no metrics.jsonl, or one without any event.
    """
    return run_facts(run, load_events(run))


def load_events(run: Path) -> list[dict[str, Any]]:
    """The events of the run in folder `run`.

    Raises:
        UsageError: there are none.
    """
    events = read_events(run / run_files.METRICS)
    if not events:
        near = "" if run.exists() else nearest_folder(run)
        meant = f"Did you mean {near}? " if near else ""
        raise UsageError(
            f"{run} is no run folder: it has no metrics.jsonl with events in it.",
            f"{meant}Name the folder that `mft run` wrote, such as runs/NAME.",
        )
    return events


def run_facts(run: Path, events: Sequence[dict[str, Any]]) -> RunFacts:
    """The facts in `events`, oldest first, of the run in folder `run`."""
    found = GatheredEvents()
    for event in events:
        found.add(event)
    return gathered_facts(run, found)


def gathered_facts(run: Path, found: GatheredEvents) -> RunFacts:
    """The facts in what was gathered of the events of the run in folder `run`."""
    steps = sorted(found.evaluations)
    first = found.evaluations[steps[0]] if steps else {}
    last = found.evaluations[steps[-1]] if len(steps) > 1 else {}
    final = run / run_files.FINAL
    selected = None if found.end.get("reason") == "interrupted" else found.end.get("selected")
    result = found.evaluations.get(-1 if selected is None else selected, last)
    watched = tuple(_task_result("watched", name, found, first, result) for name in found.names("watched"))
    course = read_course(found.others.get("affinity", ()))
    best_step = _lowest({step: event.get("loss") for step, event in found.evaluations.items()})
    affinity = summarised(course) if course else None
    known = [event for event in (found.start, found.train) if event]
    # The end counts from this process's start, a train event over all processes of a resumed run.
    times = [event["seconds"] for event in (found.end, found.train) if event.get("seconds") is not None]
    return RunFacts(
        run=run,
        start=found.start,
        step=found.step,
        steps=found.steps,
        reason=found.end.get("reason"),
        seconds=max(times, default=None),
        tokens=found.end.get("tokens"),
        before=first.get("loss"),
        after=result.get("loss"),
        tasks=tuple(_task_result("tasks", name, found, first, result) for name in found.names("tasks")),
        watched=watched,
        warnings=_warnings(found),
        skips=tuple(found.others.get("skip", ())),
        scores=tuple(found.others.get("score", ())),
        final=final if final.is_dir() else None,
        affinity=affinity,
        tests=tuple(commands_to_test(affinity, run, known)) if affinity else (),
        decisions=tuple((event["step"], decision_words(event)) for event in found.others.get("decision", ())),
        forgetting=_forgetting(watched),
        max_forgetting=found.start.get("max_forgetting", 0.0),
        selected=selected,
        # Each says how many it has been in all. The log is rewound beyond earlier ones, which are written again.
        best=None if best_step is None else found.evaluations[best_step]["loss"],
        best_step=best_step,
        extra_steps=max((event["extra_steps"] for event in found.others.get("decision", ())), default=0),
    )


def _forgetting(watched: Sequence[TaskResult]) -> tuple[TaskResult, ...]:
    measured = [(task.change, task) for task in watched if task.change is not None]
    return tuple(task for _, task in sorted(measured, key=lambda pair: (-pair[0], pair[1].name)))


def _warnings(found: GatheredEvents) -> tuple[tuple[int, str], ...]:
    """Those of the plan, which belong to step 0, then those of the run; those of one kind of many tasks are one."""
    planned = [(0, str(message)) for message in found.start.get("warnings", ())]
    kinds: dict[str, list[dict[str, Any]]] = {}
    for number, event in enumerate(found.others.get("warning", ())):
        kinds.setdefault(event.get("kind") or str(number), []).append(event)
    return (*planned, *(_together(events) for events in kinds.values()))


def _together(events: Sequence[Mapping[str, Any]]) -> tuple[int, str]:
    """The step and the words of a warning, or of several of one kind: at which step it was said first."""
    step, message = events[0]["step"], str(events[0].get("message", ""))
    if len(events) == 1:
        return step, message
    tasks = [task for event in events for task in event["tasks"]]
    said = f"{events[0]['kind']}: {len(tasks)} tasks by step {events[-1]['step']}"
    return step, f"{said}: {first_few(tasks, of_what='tasks')}"


def _task_result(
    part: str, name: str, found: GatheredEvents, first: Mapping[str, Any], last: Mapping[str, Any]
) -> TaskResult:
    losses = {step: _task_loss(event, part, name) for step, event in found.evaluations.items()}
    best_step = _lowest(losses)
    everything = sum(found.seen.values())
    data = found.start.get(part, {}).get(name, {})
    return TaskResult(
        name=name,
        data=data,
        before=_task_loss(first, part, name),
        after=_task_loss(last, part, name),
        best=None if best_step is None else losses[best_step],
        best_step=best_step,
        weight=found.weights.get(name),
        seen=found.seen.get(name, 0),
        share=found.seen.get(name, 0) / everything if everything else None,
        tokens=first.get(part, {}).get(name, {}).get("tokens"),
    )


def _lowest(losses: Mapping[int, float | None]) -> int | None:
    """The first step of the lowest loss."""
    measured = {step: loss for step, loss in losses.items() if loss is not None}
    return min(measured, key=lambda step: (measured[step], step), default=None)


def _task_loss(event: Mapping[str, Any], part: str, name: str) -> float | None:
    return event.get(part, {}).get(name, {}).get("loss")
