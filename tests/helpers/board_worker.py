"""Stands in for the board's worker: answers at once, without torch, or dies as it is told."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path


def tell(**reply: object) -> None:
    print(json.dumps(reply), flush=True)  # noqa: T201 - that is its output


for line in sys.stdin:
    request = json.loads(line)
    prompt = request.get("prompt", "")
    if prompt == "crash":
        sys.stderr.write("out of something")
        sys.exit(3)
    if prompt == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if prompt == "wrong":
        tell(error="that is wrong", hint="do better")
        continue
    if prompt == "forever":
        while True:
            tell(text="again ")
            time.sleep(0.01)
    tell(loaded=True)
    for piece in ("答案 ", f"<b>{prompt}</b> ", f"of {Path(request.get('folder', '')).name} {os.getpid()}"):
        tell(text=piece)
    tell(tokens=3, finished=True, equal=False, chrf=50.0)
    tell(end=True)
