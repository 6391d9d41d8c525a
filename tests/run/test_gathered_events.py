"""One pass over a run's events."""

from __future__ import annotations

from mft_core.run.gathered_events import GatheredEvents


def test_the_later_measurement_the_last_weight_and_the_sum_of_tokens_count() -> None:
    found = GatheredEvents()
    for event in (
        {"event": "start", "step": 0, "steps": 4, "tasks": {"b": {}, "a": {}}},
        {"event": "eval", "step": 2, "tasks": {"a": {"loss": 3.0}}},
        {"event": "train", "step": 2, "tasks": {"a": {"tokens": 5, "weight": 0.25}, "b": {"tokens": None}}},
        {"event": "eval", "step": 2, "tasks": {"a": {"loss": 2.0}, "c": {"loss": 1.0}}},
        {"event": "train", "step": 3, "tasks": {"a": {"tokens": 7, "weight": None}}},
        {"event": "skip", "step": 4},
        {"event": "end", "step": 4, "reason": "done"},
    ):
        found.add(event)
    assert (found.steps, found.end["reason"], found.train["step"]) == (4, "done", 3)
    assert found.evaluations[2]["tasks"]["a"]["loss"] == 2.0
    assert (found.seen, found.weights) == ({"a": 12, "b": 0}, {"a": 0.25})
    assert found.others == {"skip": [{"event": "skip", "step": 4}]}
    assert found.names("tasks") == ["b", "a", "c"]
