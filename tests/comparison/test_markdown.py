"""compare.md: every number of the outcome in its place."""

from __future__ import annotations

from helpers.made_up_comparisons import comparison
from mft_core.comparison.markdown import as_markdown, interval, rows, summary_lines


def test_an_interval_reads_well_and_says_what_is_missing() -> None:
    assert interval(0.812, 0.79, 0.83512) == "0.8120 [0.7900, 0.8351]"
    assert interval(0.5, -0.25, None, signed=True) == "+0.5000 [-0.2500, -]"


def test_the_mean_stands_between_trained_and_unseen_tasks() -> None:
    assert [name for name, _ in rows(comparison())] == ["add", "a|b", "mean over tasks", "unknown (unseen)"]


def test_arms_are_summarised_against_the_reference() -> None:
    (line,) = summary_lines(comparison())
    assert line == (
        "famo against mixed: mean over tasks lower; lower on 2 (add, unknown); no difference shown on 1 (a|b)"
    )


def test_the_page_has_every_table() -> None:
    page = as_markdown(comparison())
    assert "| add | 30 | 3.0000 [2.9000, 3.1000] | 2.0000 [1.9000, 2.1000] | 1.5000 [1.4000, 1.6000] |" in page
    assert "| a\\|b | +1.0000 [+0.9000, +1.1000] higher | +0.0100 [-0.1000, +0.1000] no difference shown |" in page
    assert "| famo | 1 | 10 | 5,100 | 4 |" in page
    assert "| humaneval | pass@1 | famo | 0.25 | 0.5, - |" in page
    assert "- one is small" in page
    widths = [line.count(" | ") for line in page.splitlines() if line.startswith("| a")]
    assert widths == [4, 4, 2, 2, 4]
