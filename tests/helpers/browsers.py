"""A real browser, without a window."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--virtual-time-budget=8000",
)  # fmt: skip


def find_browser() -> str:
    """The program; the test is skipped where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"there is no browser here: none of {', '.join(NAMES)}")
    return found


def dumped(chromium: str, profile: Path, address: str) -> str:
    """The document as it is after its scripts ran."""
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    command = [chromium, *FLAGS, *root, f"--user-data-dir={profile}", "--dump-dom", address]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
