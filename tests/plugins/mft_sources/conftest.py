"""A standard library of a few modules."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

import pytest

LIBRARY = Path(sysconfig.get_path("stdlib"))
SMALL_LIBRARY = ("argparse", "difflib", "fractions", "heapq", "pickletools", "statistics", "tarfile", "textwrap")


@pytest.fixture
def small_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python whose library is a few modules: quick to generate from."""
    root = tmp_path / "library"
    root.mkdir()
    for name in SMALL_LIBRARY:
        shutil.copy(LIBRARY / f"{name}.py", root)
    shutil.copytree(LIBRARY / "collections", root / "collections", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(root))
    return root
