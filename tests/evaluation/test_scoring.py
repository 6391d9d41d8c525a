"""Estimators, journals, sets, samples, code in answers, and the pipeline with an evaluator of a few lines."""

from __future__ import annotations

from mft_core.evaluation.scoring import before_stop


def test_stop_strings_cut_at_the_first() -> None:
    assert before_stop("abc STOP def END", ["END", "STOP"]) == "abc "
    assert before_stop("abc", ["END"]) == "abc"
