"""A trial of something of unknown origin in a process of its own, which may hang, swell or abort without harm.

A program for it calls `limit_process` first, `say`s a line before each thing that it tries, and `DONE` at its end.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys

CPU_SECONDS = 5
WALL_SECONDS = 30
"""More, since a busy machine gives a process a part of a processor."""
MEMORY_BYTES = 4 << 30
DONE = "done"


def limit_process() -> None:
    """Bound the time and memory of this process for the rest of its life; it leaves no core dump."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def say(line: str) -> None:
    """What this process tries next, to whoever started it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def trial(module: str, text: str) -> tuple[str, str]:
    """Run `python -m MODULE` with `text` as its input.

    Returns:
        The last thing it said it tried, and how that went wrong, in words that follow a subject; both "" if it did not.
    """
    try:
        ended = subprocess.run(
            [sys.executable, "-m", module], cwd="/", env={**os.environ, "PYTHONSAFEPATH": "1"},
            input=text, capture_output=True, encoding="utf-8", errors="replace", check=False, timeout=WALL_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        return _last_line(late.stdout), f"takes more than {WALL_SECONDS} seconds"
    tried = _last_line(ended.stdout)
    if tried == DONE:
        return "", ""
    if ended.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return tried, f"takes more than {CPU_SECONDS} seconds"
    if ended.returncode < 0:
        return tried, f"makes the process abort ({signal.Signals(-ended.returncode).name})"
    return tried, f"fails: {_last_line(ended.stderr).rstrip('.') or 'it ended early'}"


def _last_line(output: str | bytes | None) -> str:
    text = output.decode("utf-8", "replace") if isinstance(output, bytes) else output or ""
    return (text.strip().splitlines() or [""])[-1]
