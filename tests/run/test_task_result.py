"""One task before and after: what changed, and whether that says anything."""

from __future__ import annotations

import pytest

from mft_core.run.task_result import TaskResult, relative_change


def result(before: float | None, after: float | None, tokens: int | None) -> TaskResult:
    return TaskResult("a", {}, before, after, after, 1, 0.5, 10, 0.5, tokens)


@pytest.mark.parametrize(
    ("before", "after", "tokens", "verdict"),
    [
        (2.0, 1.9, 10_000, "improved"),  # 5% against 1%
        (2.0, 2.1, 10_000, "worse"),
        (2.0, 1.9, 100, "unclear"),  # against 10%
        (2.0, 2.1, 100, "unclear"),
        (2.0, 2.0, None, "unclear"),
        (2.0, 1.999, None, "improved"),
        (2.0, None, 100, ""),
    ],
)
def test_a_change_counts_where_it_is_more_than_noise(
    before: float, after: float | None, tokens: int | None, verdict: str
) -> None:
    assert result(before, after, tokens).verdict == verdict


def test_noise_is_the_standard_error_of_that_many_tokens() -> None:
    assert result(2.0, 1.0, 400).noise == 0.05
    assert result(2.0, 1.0, None).noise == 0.0


def test_change_is_relative() -> None:
    assert relative_change(2.0, 1.0) == -0.5
    assert relative_change(0.0, 1.0) is None
    assert relative_change(None, 1.0) is None
