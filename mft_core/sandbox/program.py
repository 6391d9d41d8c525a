"""Runs one untrusted program."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from mft_core.errors import MftError
from mft_core.sandbox.execution import PRIVATE_DESCRIPTOR, RESULT_DESCRIPTOR, Program, execute
from mft_core.sandbox.isolation import SEARCH_PATH
from mft_core.sandbox.limits import Limits
from mft_core.sandbox.outcome import Outcome
from mft_core.sandbox.tiers import Tier, best_tier

__all__ = ["PRIVATE_DESCRIPTOR", "RESULT_DESCRIPTOR", "installed", "run_program"]


def run_program(
    command: Sequence[str],
    files: Mapping[str, bytes | str] | None = None,
    stdin: bytes | str = b"",
    limits: Limits | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    readable: Sequence[str | Path] = (),
    private: bytes | None = None,
    tier: Tier | None = None,
) -> Outcome:
    """Runs a command in a sandbox, in a new folder that holds `files`.

    Args:
        command: a program of the system (found in /usr/local/bin, /usr/bin, ...), an absolute path below `readable`,
            or "./name" of one of the files; and its arguments.
        files: content by name relative to the folder; every file is executable. All of it vanishes at the end.
        stdin: what the program reads from its standard input.
        limits: what it may use; `Limits()` when not given.
        environment: variables besides PATH, HOME, TMPDIR, LANG and Python's two; nothing of this process's.
        readable: further files and folders of the host that it may read, absolute; open to every user.
        private: at most 64 KiB that can be read once, from `PRIVATE_DESCRIPTOR`.
        tier: where to run; `best_tier()` when not given.

    Returns:
        "pass" on exit code 0, "fail" on another one; the other verdicts as in `Outcome`. The program and all processes
        it started have ended.

    Raises:
        MftError: the command is not installed; a name of a file leaves the folder; no tier isolates on this machine.
    """
    if "/" not in command[0] and not installed(command[0]):
        raise MftError(f"{command[0]!r} is not installed in {SEARCH_PATH}", "install it, or leave out what needs it")
    program = Program(
        command=command,
        files=files or {},
        stdin=stdin.encode("utf-8", "surrogatepass") if isinstance(stdin, str) else stdin,
        limits=limits or Limits(),
        environment=environment or {},
        readable=[Path(path) for path in readable],
        private=private,
    )
    return execute(program, (tier or best_tier()).name)


def installed(command: str) -> bool:
    """Whether sandboxed programs find this command."""
    return shutil.which(command, path=SEARCH_PATH) is not None
