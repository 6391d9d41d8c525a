"""A conformance kit on the examples of the docs, as their pages say: by pytest, in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def check_kit_passes(folder: Path, module: str, code: str, test: str) -> None:
    """Write the example and its test into `folder`, and see that every test of the kit runs and passes."""
    (folder / f"{module}.py").write_text(code, encoding="utf-8")
    (folder / f"test_{module}.py").write_text(test, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"test_{module}.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d\d passed", done.stdout)
    assert "skipped" not in done.stdout
