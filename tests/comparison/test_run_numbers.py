"""A run in numbers."""

from __future__ import annotations

from pathlib import Path

from mft_core.comparison.arms import ArmRun
from mft_core.comparison.run_numbers import run_facts, scores_of_arms
from mft_core.events import EventLog
from mft_core.recipe.schema import Recipe


def test_what_was_trained_took_the_time_of_its_steps_and_has_its_latest_scores(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.emit("train", 5, seconds=3.0)
    for value in (0.25, 0.5):
        log.emit("score", 5, task="add", metric="bleu", value=value)
    log.emit("end", 5, reason="done", selected=4, tokens=70)
    found = run_facts(ArmRun("single", "add", 1, Recipe().having("output", dir=str(tmp_path))))
    assert (found["steps"], found["tokens"], found["seconds"], found["selected"]) == (5, 70, 3.0, 4)
    other = {**found, "seed": 0, "scores": [{"task": "add", "metric": "bleu", "value": None}]}
    (score,) = scores_of_arms([found, other])
    assert score == {"task": "add", "metric": "bleu", "arm": "single/add", "mean": 0.5, "values": [0.5, None]}
