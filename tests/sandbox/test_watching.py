"""What the supervisor sees of a program while bubblewrap is still building its sandbox."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from mft_core.sandbox.isolation import INSIDE, bubblewrap_path
from mft_core.sandbox.tiers import BUBBLEWRAP, available_tiers
from mft_core.sandbox.watching import files_in_memory

STARTS = 12
# bubblewrap's own folders and what it mounts them on.
FRAME = 50


@pytest.mark.skipif(BUBBLEWRAP not in available_tiers(), reason="no bubblewrap here")
def test_files_of_the_machine_are_never_counted_as_the_sandbox_s() -> None:
    machine = os.statvfs(INSIDE)
    if machine.f_files - machine.f_ffree <= FRAME:
        pytest.skip(f"{INSIDE} of this machine tells no number of files")
    command = [bubblewrap_path(), "--unshare-user", "--unshare-pid", "--as-pid-1", "--ro-bind", "/usr", "/usr"]
    for name in ("lib", "lib64"):
        command += ["--symlink", f"usr/{name}", f"/{name}"]
    command += [
        "--proc",
        "/proc",
        "--tmpfs",
        INSIDE,
        "--",
        "/usr/bin/sleep",
        "0.05",
    ]  # as long as a busy machine needs to look
    counts = []
    for _ in range(STARTS):
        with subprocess.Popen(command, env={}) as process:
            while process.poll() is None:
                for child in children(process.pid):
                    counts += [files_in_memory(child) for _ in range(30)]
        assert process.returncode == 0
    assert 0 < max(counts) <= FRAME


def children(pid: int) -> list[int]:
    try:
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()))
    except OSError:
        return []
