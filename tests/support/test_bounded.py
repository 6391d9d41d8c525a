"""A trial in a process of its own ends, whatever it does, and says what was tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.support import bounded
from mft_core.support.bounded import trial

pytestmark = pytest.mark.slow

PROGRAM = """
import os, sys
from mft_core.support.bounded import DONE, limit_process, say
limit_process()
say("the first")
say("the second")
exec(sys.stdin.read())
say(DONE)
"""
ENDS = {
    "pass": ("", ""),
    "10 ** (10 ** 9)": ("the second", f"takes more than {bounded.CPU_SECONDS} seconds"),
    "bytes(1 << 40)": ("the second", "fails: MemoryError"),
    "os.abort()": ("the second", "makes the process abort (SIGABRT)"),
    "sys.exit('no good.')": ("the second", "fails: no good"),
    "sys.exit(0)": ("the second", "fails: it ended early"),
}


@pytest.mark.parametrize("code", ENDS)
def test_every_end_is_told(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert trial("program", code) == ENDS[code]


def test_sleeping_ends_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(bounded, "WALL_SECONDS", 5)
    assert trial("program", "import time; time.sleep(600)") == ("the second", "takes more than 5 seconds")


def test_the_working_folder_gives_it_no_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('code of a stranger')")
    monkeypatch.chdir(tmp_path)
    assert trial("json.tool", "{}")[1] == "fails: it ended early"
