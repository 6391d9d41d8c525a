"""The table of docs/reliability.md: forty faults, and for each of them tests that there are."""

from __future__ import annotations

import ast
import re

import pytest

from helpers.paths import REPOSITORY

PAGE = REPOSITORY / "docs" / "reliability.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if re.match(r"\| \d+ \|", line)
]


def test_the_faults_are_forty() -> None:
    assert [int(number) for number, *_ in ROWS] == list(range(1, 41))
    assert all(len(row) == 4 and all(row) for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_fault_is_made_to_happen_by_tests_that_there_are(row: list[str]) -> None:
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", row[3])
    assert row[3] == "<br>".join(f"`{file}::{function}`" for file, function in named)
    for file, function in named:
        tree = ast.parse((REPOSITORY / file).read_text(encoding="utf-8"))
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, file
