"""Many `mft` commands in one process, to see what they print and what they import."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

PROGRAM = """
import json, sys
from mft_cli.app import run_command_line
commands, modules = json.load(sys.stdin)
for command in commands:
    code = run_command_line(command)
    sys.stdout.flush()
    print("\\0", code, *[name for name in modules if name in sys.modules], end="\\0")
    print(end="\\0", file=sys.stderr, flush=True)
"""


class Answer(NamedTuple):
    """What became of a command: its exit code, what it or one before it imported of the modules, what it printed."""

    code: int
    imported: list[str]
    output: str
    error: str


def run_many(commands: Sequence[Sequence[str]], modules: Sequence[str], place: Path | None = None) -> list[Answer]:
    """Run commands one after the other in one process, since starting one takes most of their time."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps([commands, modules]),
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
    )
    outputs, ends, errors = done.stdout.split("\0")[:-1:2], done.stdout.split("\0")[1::2], done.stderr.split("\0")[:-1]
    return [
        Answer(int(end.split()[0]), end.split()[1:], output, error)
        for output, end, error in zip(outputs, ends, errors, strict=True)
    ]
