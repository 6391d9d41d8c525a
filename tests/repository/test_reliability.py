"""The table of docs/reliability.md: forty faults, and for each of them tests that there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from helpers.paths import REPOSITORY

KIT = REPOSITORY / "mft_core" / "testing"
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
    named = re.findall(r"`([\w/]+\.py)::(?:(\w+)::)?(test_\w+)`", row[3])
    assert row[3] == "<br>".join(f"`{'::'.join(filter(None, parts))}`" for parts in named)
    for file, kind, function in named:
        assert function in (inherited_from_the_kit(file, kind) if kind else functions(parsed(REPOSITORY / file))), file


def inherited_from_the_kit(file: str, kind: str) -> set[str]:
    """The tests that a class in `file` inherits from the conformance kit."""
    (wanted,) = [
        node for node in parsed(REPOSITORY / file).body if isinstance(node, ast.ClassDef) and node.name == kind
    ]
    bases = {ast.unparse(base).partition("[")[0] for base in wanted.bases}
    kit = [node for path in KIT.glob("*.py") for node in parsed(path).body if isinstance(node, ast.ClassDef)]
    return {name for node in kit if node.name in bases for name in functions(node)}


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(node: ast.Module | ast.ClassDef) -> set[str]:
    return {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
