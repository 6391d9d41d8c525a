"""Real runs from the outside: all of these are slow."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.forked_workers import workers_are_forked as workers_are_forked
from helpers.small_comparisons import write_comparison


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker("slow")


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, and a recipe to compare arms of."""
    return write_comparison(tmp_path_factory.mktemp("comparison"))


@pytest.fixture
def in_comparison(comparison: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That folder is the working folder."""
    monkeypatch.chdir(comparison)
