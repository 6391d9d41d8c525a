"""Single runs of a comparison in numbers: steps, tokens, time, and what evaluators scored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mft_core.comparison.arm import MERGE_EVENT, MIXTURE_EVENT
from mft_core.comparison.arms import ArmRun
from mft_core.comparison.results import Cost
from mft_core.events import read_events
from mft_core.run.results import read_run_facts
from mft_core.support import run_files


def run_facts(run: ArmRun) -> dict[str, Any]:
    """A finished run in numbers: JSON values. Its steps, tokens and seconds have those in them that were done again."""
    facts = read_run_facts(run.folder)
    latest = {event["event"]: event for event in read_events(run.folder / run_files.METRICS)}
    scores = {(score["task"], score["metric"]): score for score in facts.scores}  # measured twice: the later one
    steps = 0 if run.merging else facts.step + facts.extra_steps
    seconds = latest[MERGE_EVENT if run.merging else "train"]["seconds"]
    mixture = {key: value for key, value in latest.get(MIXTURE_EVENT, {}).items() if key not in ("event", "step")}
    return {
        "arm": run.arm, "task": run.task, "part": run.part, "seed": run.seed, "folder": str(run.folder),
        "reason": facts.reason, "steps": steps, "selected": latest["end"].get("selected"),
        "tokens": facts.tokens or 0, "seconds": seconds, "scores": list(scores.values()),
        **({"mixture": mixture} if mixture else {}),
    }  # fmt: skip


def cost_of_seed(facts: Sequence[Mapping[str, Any]], seeds: int) -> Cost:
    """What one seed of an arm took, from all its runs."""
    steps, tokens, seconds = (sum(fact[key] for fact in facts) / seeds for key in ("steps", "tokens", "seconds"))
    return Cost(len(facts) // seeds, steps, tokens, seconds)


def scores_of_arms(facts: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    """Evaluators' scores, seeds together. A model trained on one task is told from the others by the task's name."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for fact in facts:
        arm = f"{fact['arm']}/{fact['task']}" if fact["task"] else fact["arm"]
        for score in fact["scores"]:
            found.setdefault((score["task"], score["metric"], arm), []).append(score["value"])
    for (task, metric, arm), values in sorted(found.items()):
        known = [value for value in values if value is not None]
        mean = sum(known) / len(known) if known else None
        yield {"task": task, "metric": metric, "arm": arm, "mean": mean, "values": values}
