"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.hub_sets import cached_set, use_cache
from helpers.running import write_tasks
from mft_core.testing import SourceTests
from mft_sources.folder import Folder
from mft_sources.hub import Hub
from mft_sources.stdlib import StandardLibrary


class TestFolder(SourceTests):
    component = Folder

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return write_tasks(tmp_path / "tasks")


@pytest.mark.slow
class TestStandardLibrary(SourceTests):
    component = StandardLibrary

    @pytest.fixture
    def cache(self, stdlib_cache: Path) -> Path:
        return stdlib_cache


class TestHub(SourceTests):
    component = Hub
    options = {"address": "org/set"}

    @pytest.fixture(autouse=True)
    def hub(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("datasets")
        use_cache(monkeypatch, tmp_path / "hub")
        table = "prompt,response\nq,a\nq2,a2\n"
        cached_set(tmp_path / "hub", "org/set", {"train.csv": table, "validation.csv": table})
