"""What the arm `mix` found, in words and rows."""

from __future__ import annotations

from typing import Any

from mft_core.comparison.mixture_words import MIXTURE_HEADINGS, mixture_rows, mixture_sentences


def task(natural: float, share: float, passes: float = 1.0, bounded: bool = False) -> dict[str, Any]:
    return {
        "natural": natural, "best": share, "share": share, "passes": passes, "error": 0.01, "predicted": 1.5,
        "reached": 1.25, "bounded": bounded,
    }  # fmt: skip


def facts(**changes: Any) -> list[dict[str, Any]]:
    found = {
        "supported": True, "promised": 0.1, "error": 0.02, "natural": 1.6, "predicted": 1.5, "reached": 1.45,
        "small_runs": 7,
        "tasks": {"sort": task(0.25, 0.6, passes=12.0, bounded=True), "add": task(0.75, 0.4)},
    }  # fmt: skip
    return [{"arm": "mixed", "seed": 0}, {"arm": "mix", "seed": 1, "mixture": {**found, **changes}}]


def test_a_supported_change_is_told_with_its_shares_bounds_and_passes() -> None:
    law, held, bounded, passes = mixture_sentences(facts())
    assert "mix, seed 1: the law of 7 small runs promises 0.1000 less" in law
    assert "misses small runs that it has not seen by 0.0200" in law
    assert law.index("add 75.0% to 40.0%") > 0
    assert "sort 25.0% to 60.0%" in law
    assert held.endswith("expected 1.5000 on the mean over tasks, and 1.4500 was reached.")
    assert bounded.endswith("sort.")
    assert passes.endswith("sort 12.0.")


def test_natural_proportions_are_told_as_such() -> None:
    law, held = mixture_sentences(facts(supported=False, promised=0.01))
    assert "supports no change" in law
    assert "natural proportions were kept" in law
    assert held.endswith("1.4500 was reached."), "where nothing was done by the promise, it is not judged"


def test_a_loss_that_is_not_finite_is_told() -> None:
    _, held, *_ = mixture_sentences(facts(reached=None))
    assert held.endswith("what was reached is not finite.")


def test_a_row_for_each_task_and_none_for_other_arms() -> None:
    rows = list(mixture_rows(facts()))
    assert [len(row) for row in rows] == [len(MIXTURE_HEADINGS)] * 2
    assert rows[0] == ["mix, seed 1", "sort", "25.0%", "60.0%", "60.0%", "12.0", "0.0100", "1.5000", "1.2500"]
    assert list(mixture_rows(facts()[:1])) == []
    assert mixture_sentences(facts()[:1]) == []
