"""The conformance kit asks every bundled component everything: each question takes no time, all of them minutes."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.name == "test_conformance.py":
            item.add_marker("slow")
