"""A comparison on a terminal: every number whole, however many arms and however narrow it is."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from helpers.made_up_comparisons import ALIKE, BASE, BETTER, MIXED, comparison
from mft_cli.compare_view import print_comparison


@pytest.mark.parametrize("width", [60, 80, 200])
def test_many_arms_stand_in_as_many_tables_as_they_need(width: int, tmp_path: Path) -> None:
    names = [f"balanced tune.rank={2**power}" for power in range(9)]
    arms = {"base": BASE, "mixed": MIXED} | {name: replace(BETTER, loss=1.5 + i / 100) for i, name in enumerate(names)}
    arms |= {names[-1]: replace(ALIKE, difference=0.0123)}
    found = comparison()
    tasks = tuple(replace(task, arms=arms) for task in found.tasks)
    found = replace(found, arms=("mixed", *names), tasks=tasks, mean=replace(found.mean, arms=arms))
    page = StringIO()
    print_comparison(Console(file=page, width=width), found, tmp_path)
    tables = page.getvalue().partition("Cost of one seed")[0]
    assert "…" not in tables
    assert max(map(len, tables.splitlines())) <= width
    lines = [line for line in tables.splitlines() if line.split()[:1] == ["add"]]
    assert sum(line.count("+-") for line in lines) == (2 + 9) + (1 + 9)
    assert "no difference shown" not in tables
    assert tables.count("lower") == 8 * 4
    assert "differences without a word: no difference shown" in page.getvalue()
