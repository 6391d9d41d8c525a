"""What a run's loss decided after evaluations, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mft_core.support import units
from mft_core.support.lists import first_few


def decision_words(event: Mapping[str, Any]) -> str:
    """A "decision" event as a sentence or two.

    Args:
        event: its fields.
    """
    back = event["to_step"] < event["from_step"]
    who = first_few(map(repr, event["left_out"]), of_what="tasks")
    leave = "leaves" if len(event["left_out"]) == 1 else "leave"
    remaining = first_few(map(repr, event["remaining"]), of_what="tasks")
    parts = (
        [f"{who} {leave} the mixture (weight 0 from here on), still trained: {remaining}"] if event["left_out"] else []
    )
    parts += [f"back from step {event['from_step']} to step {event['to_step']}{_given_up(event)}"] if back else []
    again, most = units.count(event["extra_steps"]), units.count(event["most_extra_steps"])
    parts += [f"{again} of at most {most} steps done again so far"] if back else []
    if event["hindrance"]:
        parts.append(event["hindrance"] if back else f"the run does not go back: {event['hindrance']}")
    return ". ".join(f"{part[:1].upper()}{part[1:]}" if number else part for number, part in enumerate(parts))


def _given_up(event: Mapping[str, Any]) -> str:
    """The losses of those who left, or of all tasks, there and in the part that is given up."""
    evaluations: Sequence[Mapping[str, Any]] = event["given_up"]
    if not evaluations:
        return ""
    steps = units.count(evaluations[0]["step"]), units.count(evaluations[-1]["step"])
    span = f"at step {steps[0]}" if len(evaluations) == 1 else f"from step {steps[0]} to {steps[1]}"
    there, courses = event["back_at"], []
    for name in event["left_out"][:3] or [""]:
        course = _course([_loss(one, name) for one in evaluations])
        first = f"{units.loss(_loss(there, name))} and after it, {span}, " if there else ""
        courses.append(f"{f'{name} ' if name else ''}{first}{course}")
    return f", where the validation loss {'' if there else f'{span} '}was {'; '.join(courses)}"


def _loss(evaluation: Mapping[str, Any], name: str) -> float | None:
    """Of a task; "": of all."""
    found: float | None = evaluation["tasks"][name] if name else evaluation["loss"]
    return found


def _course(losses: Sequence[float | None]) -> str:
    few = losses if len(losses) <= 4 else [*losses[:2], *losses[-2:]]
    shown = [units.loss(loss) for loss in few]
    return ", ".join(shown if len(few) == len(losses) else [*shown[:2], "...", *shown[2:]])
