"""Progress of a run as plain lines of text."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from mft_cli.progress_state import State, number
from mft_core.events import Event
from mft_core.run.decisions import decision_words
from mft_core.support import units
from mft_core.support.lists import first_few

MOST_TASKS = 12


def plain_line(state: State, event: Event, now: float) -> str:
    """The log's line for `event`, which `state` already contains; "" for an event that is not shown."""
    if event.name == "train":
        return train_line(state, now)
    if event.name == "eval":
        return eval_line(state, event)
    if event.name == "start":
        return _start_line(state, event)
    if event.name == "resume":
        return f"resumed at step {event.step} of {_steps(state)}"
    if event.name == "checkpoint":
        best = " (best so far)" if event.data.get("best") else ""
        return f"checkpoint at step {event.step}: {event.data.get('path')}{best}"
    if event.name == "end":
        seconds = units.duration(event.data.get("seconds"))
        return f"ended at step {event.step} after {seconds}: {event.data.get('reason')}"
    return ""


def _start_line(state: State, event: Event) -> str:
    adapters = event.data.get("adapters")
    if adapters is not None:
        return f"combining {units.counted(adapters, 'adapter')}; nothing is trained"
    steps = units.counted(state.clock.steps, "step") if state.clock else "? steps"
    return f"training {units.counted(len(state.tasks), 'task')}, {steps}"


def train_line(state: State, now: float) -> str:
    """Overall numbers, then each task's last training loss and weight."""
    tasks = _by_task(
        {name: task.loss for name, task in state.tasks.items()},
        {name: task.weight for name, task in state.tasks.items()},
    )
    return "  ".join([*overall(state, now), tasks])


def eval_line(state: State, event: Event) -> str:
    """Validation loss over all tasks and of each; behind them, that of each task that is only watched."""
    tasks, watched = _losses(event, "tasks"), _losses(event, "watched")
    parts = [f"eval {event.step}/{_steps(state)}", f"loss {units.loss(event.data.get('loss'))}", _by_task(tasks, {})]
    if watched:
        parts.append(f"watched: {_by_task(watched, {})}")
    return "  ".join(parts)


def _losses(event: Event, which: str) -> dict[str, float | None]:
    return {name: number(values.get("loss")) for name, values in event.data.get(which, {}).items()}


def notice_line(event: Event) -> str:
    """A "warning", "decision" or "skip" event in words."""
    if event.name == "decision":
        return f"step {event.step}: {decision_words(event.data)}"
    if event.name == "warning":
        return f"warning at step {event.step}: {event.data.get('message')}"
    tasks = first_few(event.data.get("tasks", ()))
    where = f" (tasks: {tasks})" if tasks else ""
    return f"step {event.step} not taken: {event.data.get('reason')}{where}"


def overall(state: State, now: float) -> list[str]:
    """Numbers of the whole run, each with its name or unit."""
    numbers = state.numbers
    parts = [f"step {state.step}/{_steps(state)}"]
    if state.clock:
        parts.append(f"{100 * state.step // max(1, state.clock.steps)}%")
    parts.append(f"loss {units.loss(numbers.get('loss'))}")
    if numbers.get("learning_rate") is not None:
        parts.append(f"lr {numbers['learning_rate']:.1e}")
    if numbers.get("gradient_norm") is not None:
        parts.append(f"|g| {numbers['gradient_norm']:.3g}")
    if numbers.get("tokens_per_second") is not None:
        parts.append(f"{units.count(numbers['tokens_per_second'])} tok/s")
    left = state.clock.left(state.step, now) if state.clock else None
    if left is not None:
        parts.append(f"{units.duration(left)} left")
    return parts


def _steps(state: State) -> str:
    return str(state.clock.steps) if state.clock else "?"


def _by_task(losses: Mapping[str, float | None], weights: Mapping[str, float | None]) -> str:
    """ "a 1.234 (w .20)  b ..."; of too many tasks, those with the highest losses and a summary of the others."""
    shown = most_telling(losses)
    parts = []
    for name in shown:
        weight = weights.get(name)
        suffix = "" if weight is None else f" (w {_weight(weight)})"
        parts.append(f"{name} {units.loss(losses[name])}{suffix}")
    rest = [losses[name] for name in losses if name not in shown]
    return "  ".join([*parts, _summary(rest)]) if rest else "  ".join(parts)


def _weight(share: float) -> str:
    """Without the leading 0; two digits, however small it is."""
    return (f"{share:.2f}" if share >= 0.1 else f"{share:.2g}").replace("0.", ".", 1)


def most_telling(losses: Mapping[str, float | None]) -> list[str]:
    """Names, in order; of too many, those with the highest losses."""
    if len(losses) <= MOST_TASKS:
        return list(losses)
    ranked = sorted(losses, key=lambda name: (losses[name] is not None, losses[name] or 0.0), reverse=True)
    chosen = set(ranked[: MOST_TASKS - 1])
    return [name for name in losses if name in chosen]


def _summary(losses: list[float | None]) -> str:
    known = [loss for loss in losses if loss is not None]
    if not known:
        return f"{len(losses)} more"
    spread = f"{units.loss(min(known))} to {units.loss(max(known))}"
    return f"{len(losses)} more {spread}, median {units.loss(statistics.median(known))}"
