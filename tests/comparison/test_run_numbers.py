"""A run in numbers: of one that was trained, and of one that was combined."""

from __future__ import annotations

from pathlib import Path

from mft_core.comparison.arms import ArmRun, Merging
from mft_core.comparison.run_numbers import cost_of_seed, run_facts, scores_of_arms
from mft_core.events import EventLog
from mft_core.recipe.schema import Recipe
from mft_core.tuning.combining import MergeOptions


def test_what_is_combined_took_no_steps_and_the_time_of_its_choice(tmp_path: Path) -> None:
    recipe = Recipe().having("output", dir=str(tmp_path))
    log = EventLog(tmp_path)
    log.emit("start", 0, steps=1)
    log.emit("merge", 1, seconds=2.5)
    log.emit("end", 1, reason="done", selected=1, seconds=9.0, tokens=0)
    found = run_facts(ArmRun("merged", "", 0, recipe, Merging(MergeOptions(), {})))
    assert (found["steps"], found["tokens"], found["seconds"], found["selected"]) == (0, 0, 2.5, 1)


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


def test_steps_that_were_done_again_are_part_of_the_cost(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    for number, again in enumerate((2, 3), 1):
        log.emit("decision", 4, number=number, left_out=["add"], remaining=["sub"], from_step=6, to_step=4,
                 extra_steps=again, most_extra_steps=9, given_up=[], hindrance="")  # fmt: skip
    log.emit("train", 9, seconds=3.0)
    log.emit("end", 9, reason="done", selected=9, tokens=120)
    found = run_facts(ArmRun("balanced exclude=overfit", "", 0, Recipe().having("output", dir=str(tmp_path))))
    assert (cost_of_seed([found], seeds=1).steps, found["tokens"]) == (12, 120)
