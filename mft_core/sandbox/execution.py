"""Starts a program in a tier, watches it, ends it and everything it became, and says what happened."""

from __future__ import annotations

import marshal
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from mft_core.sandbox.isolation import INSIDE, TierName, base_environment, bubblewrap_command, landlock_rules
from mft_core.sandbox.limits import Limits
from mft_core.sandbox.outcome import Outcome, Verdict
from mft_core.sandbox.processes import DescendantGroup, ProcessGroup, UserGroup, end
from mft_core.sandbox.seccomp import filter_program
from mft_core.sandbox.streams import Stream, input_descriptor, secret_descriptor
from mft_core.sandbox.users import SandboxUser, can_change_user, sandbox_user
from mft_core.sandbox.watching import Stopped, Watch
from mft_core.sandbox.workspace import workspace

LAUNCHER = Path(__file__).with_name("launcher.py")
RESULT_DESCRIPTOR, PRIVATE_DESCRIPTOR = 3, 4
STATUS_BYTES = 65536
OPEN_FILES = 512
# How the runtimes say that an allocation failed. Neither verdict is a pass: this only names the failure better.
MEMORY_MESSAGES = (b"MemoryError", b"std::bad_alloc", b"OutOfMemoryError", b"heap out of memory", b"out of memory")


@dataclass(frozen=True)
class Program:
    """What to run: see `run_program`. `descriptors`: further descriptors of this process by their number inside."""

    command: Sequence[str]
    files: Mapping[str, bytes | str] = field(default_factory=dict)
    stdin: bytes = b""
    limits: Limits = field(default_factory=Limits)
    environment: Mapping[str, str] = field(default_factory=dict)
    readable: Sequence[Path] = ()
    private: bytes | None = None
    descriptors: Mapping[int, int] = field(default_factory=dict)


@dataclass
class Streams:
    stdout: Stream
    stderr: Stream
    result: Stream
    launcher: Stream
    bubblewrap: Stream

    def all(self) -> list[Stream]:
        return [self.stdout, self.stderr, self.result, self.launcher, self.bubblewrap]


def execute(program: Program, tier: TierName, stop_descriptor: int | None = None) -> Outcome:
    """Runs the program to its end, or until `stop_descriptor` is readable or closed."""
    started = time.monotonic()
    with ExitStack() as stack:
        user = stack.enter_context(sandbox_user()) if tier != "unsafe-local" and can_change_user() else None
        owner = user.number if user is not None and tier == "landlock" else None
        folder = stack.enter_context(workspace(program.files, owner))
        streams = _open_streams(stack, program.limits)
        life = Stream(stack, 0)  # its writing end stays here: when it closes, the launcher ends the program
        process = _start(stack, program, tier, user, folder, streams, life)
        group: ProcessGroup = DescendantGroup(process.pid, itself=tier == "unsafe-local")
        if user is not None and tier == "landlock":
            group = UserGroup(user.number)
        watch = Watch(process, group, program.limits, tier, folder, streams.all()[:3], streams.all()[3:])
        try:
            stopped = watch.until_the_end(started, stop_descriptor)
        finally:
            life.close_writing()
            ended = end(process, group)
        for stream in streams.all():
            stream.drain()
        seconds = time.monotonic() - started
        verdict, exit_code, detail = _judge(process.returncode, stopped, streams, tier, program.limits, seconds)
        if not ended:
            verdict, detail = "infra_error", "processes of the program could not be ended"
        return Outcome(
            verdict=verdict,
            exit_code=exit_code,
            stdout=bytes(streams.stdout.content),
            stderr=bytes(streams.stderr.content),
            result=bytes(streams.result.content),
            seconds=seconds,
            detail=detail,
        )


def _open_streams(stack: ExitStack, limits: Limits) -> Streams:
    bounds = [limits.output_bytes] * 3 + [STATUS_BYTES] * 2
    return Streams(*(Stream(stack, bound) for bound in bounds))


def _start(
    stack: ExitStack,
    program: Program,
    tier: TierName,
    user: SandboxUser | None,
    folder: Path,
    streams: Streams,
    life: Stream,
) -> subprocess.Popen[bytes]:
    descriptors = {RESULT_DESCRIPTOR: _writing(streams.result), **program.descriptors}
    if program.private is not None:
        descriptors[PRIVATE_DESCRIPTOR] = secret_descriptor(stack, program.private)
    order = launch_order(program, tier, user, folder)
    order |= {"descriptors": descriptors, "status": _writing(streams.launcher), "life": life.reading}
    passed = [*descriptors.values(), order["status"], order["life"]]
    if tier == "bubblewrap":
        passed += _wrap(stack, order, program, folder, _writing(streams.bubblewrap))
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(LAUNCHER), marshal.dumps(order).hex()],
        stdin=input_descriptor(stack, program.stdin),
        stdout=_writing(streams.stdout),
        stderr=_writing(streams.stderr),
        env={},
        cwd="/",
        pass_fds=passed,
        start_new_session=True,
    )
    for stream in streams.all():
        stream.close_writing()
    return process


def _writing(stream: Stream) -> int:
    assert stream.writing is not None
    return stream.writing


def launch_order(program: Program, tier: TierName, user: SandboxUser | None, folder: Path) -> dict:
    """The argument of launcher.py: everything about the new process but its descriptors."""
    return {
        "command": list(program.command),
        "environment": {**base_environment(str(folder)), **program.environment},
        "directory": str(folder),
        "user": None if user is None else user.number,
        "reaper": user.reaper if user is not None and tier == "landlock" else None,
        "isolated": tier != "unsafe-local",
        "limits": _kernel_limits(program.limits, user is not None),
        "landlock": landlock_rules(folder, program.readable) if tier == "landlock" else None,
        "seccomp": filter_program() if tier == "landlock" else None,
    }


def _kernel_limits(limits: Limits, own_user: bool) -> dict[str, int]:
    """RLIMIT names and values. The number of processes is counted by user: it means something for an own user only."""
    chosen = {
        "AS": limits.address_space_bytes or limits.memory_bytes,
        "CPU": limits.cpu_seconds,
        "FSIZE": limits.file_bytes,
        "NOFILE": OPEN_FILES,
        "CORE": 0,
        "MEMLOCK": 0,
        "MSGQUEUE": 0,
    }
    return {**chosen, "NPROC": limits.processes} if own_user else chosen


def _wrap(stack: ExitStack, order: dict, program: Program, folder: Path, status: int) -> list[int]:
    """Puts bwrap before the command; the descriptors that it needs."""
    filter_descriptor = input_descriptor(stack, filter_program())
    files = {name: input_descriptor(stack, (folder / name).read_bytes()) for name in program.files}
    environment = {**base_environment(INSIDE), **program.environment}
    order["command"] = bubblewrap_command(
        program.command,
        environment,
        program.readable,
        files,
        program.limits.file_bytes,
        filter_descriptor,
        status,
    )
    order["environment"] = {}
    order["directory"] = None
    return [filter_descriptor, status, *files.values()]


def _judge(
    returned: int, stopped: Stopped | None, streams: Streams, tier: TierName, limits: Limits, seconds: float
) -> tuple[Verdict, int | None, str]:
    """Verdict, exit code as a shell shows it, and detail."""
    if stopped is not None:
        return stopped.verdict, None, stopped.detail
    if any(stream.overflowed for stream in (streams.stdout, streams.stderr, streams.result)):
        return "output_limit", None, f"more than {limits.output_bytes} bytes of output"
    if streams.launcher.content:
        return "infra_error", None, streams.launcher.content.decode(errors="replace").strip()
    if tier == "bubblewrap" and b'"exit-code"' not in streams.bubblewrap.content:
        message = streams.stderr.content[-500:].decode(errors="replace").strip()
        return ("fail", 127, message) if message.startswith("bwrap: execvp") else ("infra_error", None, message)
    exit_code = returned if returned >= 0 else 128 - returned
    if exit_code == 0:
        return "pass", 0, ""
    return (*_failure(exit_code, bytes(streams.stderr.content), limits, seconds),)


def _failure(exit_code: int, errors: bytes, limits: Limits, seconds: float) -> tuple[Verdict, int, str]:
    number = exit_code - 128
    last_line = errors.strip().rpartition(b"\n")[2][-300:].decode(errors="replace")
    if any(message in errors for message in MEMORY_MESSAGES):
        return "oom", exit_code, last_line
    if number == signal.SIGXFSZ:
        return "output_limit", exit_code, f"a file of more than {limits.file_bytes} bytes"
    if number in (signal.SIGKILL, signal.SIGXCPU) and seconds >= limits.cpu_seconds:
        return "timeout", exit_code, f"more than {limits.cpu_seconds} s of processor time"
    if number in set(signal.Signals):
        return "crash", exit_code, f"ended by {signal.Signals(number).name}"
    return "fail", exit_code, last_line or f"exit code {exit_code}"
