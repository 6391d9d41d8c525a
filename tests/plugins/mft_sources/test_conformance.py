"""The conformance kit on everything that this plugin brings."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.running import write_tasks
from mft_core.testing import SourceTests
from mft_sources.folder import Folder
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
