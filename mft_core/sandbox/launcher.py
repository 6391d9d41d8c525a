"""Becomes an untrusted program: limits itself, gives up every right, executes it. Run as a script, by the path.

Its only argument is a dictionary, marshalled and in hexadecimal (see `execution.launch_order`). It starts for every
program: it imports nothing of the project, and of the library only what loads at once (`json`, `signal`, `base64` would
double its time). Where the program is isolated it stays above it and, when the program or its supervisor ends, ends
everything that it became: every orphan becomes its child, so that it knows when none is left. An error before the
program starts goes to the descriptor `status` as one line; the execution closes that descriptor.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import resource
import select
import stat
import sys

SIGKILL, SIGPIPE, SIGXFSZ = 9, 13, 25
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 22, 36, 38
SECCOMP_MODE_FILTER = 2
# landlock.h: what a rule on a folder may grant for reading; what it may for a file; everything, by version.
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE, IOCTL_DEV = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14, 1 << 15
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
READING = EXECUTE | READ_FILE | READ_DIR
MAKE_DEVICES = 1 << 6 | 1 << 11
SYS_LANDLOCK_CREATE_RULESET, SYS_LANDLOCK_ADD_RULE, SYS_LANDLOCK_RESTRICT_SELF = 444, 445, 446
LANDLOCK_RULE_PATH_BENEATH = 1

FIRST_HARMLESS_USER = 1000

LIBC = ctypes.CDLL(None, use_errno=True)


class Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


class FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def system_call(number: int, *arguments: object) -> int:
    result = LIBC.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"system call {number}")
    return int(result)


def process_control(option: int, *arguments: object) -> None:
    """prctl(2); every argument must have the width of a long."""
    padded = [*arguments, *[ctypes.c_ulong(0)] * (4 - len(arguments))]
    if LIBC.prctl(option, *padded) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def landlock_version() -> int:
    """0 where the kernel has no Landlock."""
    return max(0, LIBC.syscall(SYS_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1)))


def restrict_files(readable: list[str], writable: list[str], devices: list[str]) -> None:
    """Landlock: these and nothing else; where the kernel can, no TCP, no signals and sockets to the outside."""
    version = landlock_version()
    if version < 3:
        raise OSError(f"Landlock version 3 (Linux 6.2) is needed, this kernel has {version}")
    everything = (1 << (16 if version >= 5 else 15)) - 1
    ruleset = Ruleset(everything, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    descriptor = system_call(
        SYS_LANDLOCK_CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(size), ctypes.c_uint32(0)
    )
    rights = [(path, READING) for path in readable]
    rights += [(path, everything & ~MAKE_DEVICES & ~IOCTL_DEV) for path in writable]
    rights += [(path, READ_FILE | WRITE_FILE) for path in devices]
    for path, allowed in rights:
        _allow(descriptor, path, allowed)
    system_call(SYS_LANDLOCK_RESTRICT_SELF, ctypes.c_int(descriptor), ctypes.c_uint32(0))
    os.close(descriptor)


def _allow(ruleset: int, path: str, allowed: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        folder = stat.S_ISDIR(os.fstat(parent).st_mode)
        rule = PathBeneath(allowed if folder else allowed & FILE_RIGHTS, parent)
        system_call(
            SYS_LANDLOCK_ADD_RULE,
            ctypes.c_int(ruleset),
            ctypes.c_int(LANDLOCK_RULE_PATH_BENEATH),
            ctypes.byref(rule),
            ctypes.c_uint32(0),
        )
    finally:
        os.close(parent)


def filter_system_calls(instructions: bytes) -> None:
    program = FilterProgram(len(instructions) // 8, instructions)
    process_control(PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), ctypes.byref(program))


def change_user(effective: int, others: int) -> None:
    """Sets the effective user, and the real and the saved one, without any group.

    The kernel takes all capabilities away with this change; the function makes sure of it.
    """
    if min(effective, others) < FIRST_HARMLESS_USER:
        raise OSError(f"user {min(effective, others)} is not a sandbox's")
    os.setgroups([])
    os.setresgid(effective, effective, effective)
    os.setresuid(others, effective, others)
    with open("/proc/self/status", encoding="utf-8") as status:  # noqa: PTH123
        capabilities = [line.split()[1] for line in status if line.startswith(("CapEff", "CapPrm", "CapAmb"))]
    if any(int(mask, 16) for mask in capabilities):
        raise OSError("the change of the user left capabilities")


def place_descriptors(wanted: dict[str, int], status: int) -> None:
    """Moves inherited descriptors (all numbered 100 or more) to their places; the status closes at the execution."""
    for number, descriptor in wanted.items():
        os.dup2(descriptor, int(number), inheritable=True)
        os.close(descriptor)
    os.set_inheritable(status, False)


def watch_over(order: dict) -> int:
    """Starts the program below this process; ends when nothing of it is left. The exit code, as a shell shows it.

    bwrap's own --die-with-parent is not enough: the process that becomes the program asks for it last of all, and goes
    on alone when the supervisor is killed before.
    """
    process_control(PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1))
    child = os.fork()
    if child == 0:
        launch_or_tell(order)
    os.close(order["status"])
    waiting = select.poll()
    waiting.register(os.pidfd_open(child), select.POLLIN)
    waiting.register(order["life"], select.POLLIN)  # closed by the supervisor, or by its death
    waiting.poll()
    own_namespace = order["reaper"] is None
    if not own_namespace and os.fork() == 0:
        kill_all(order["user"], order["reaper"])
    code = 0
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG if own_namespace else 0)
            if pid == 0:
                kill_children()
                pid, status = os.waitpid(-1, 0)
        except ChildProcessError:
            return code if code >= 0 else 128 - code
        if pid == child:
            code = os.waitstatus_to_exitcode(status)


def kill_children() -> None:
    """Kills what is right below this process; what was below that is so next. The first of a PID namespace ends all."""
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208
        try:
            with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                parent = int(file.read().rpartition(b")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == os.getpid():
            os.kill(int(name), SIGKILL)


def kill_all(user: int, reaper: int) -> None:
    """Kills every process of the user with one signal, which no fork outruns; ends this process.

    The effective user is the sandbox's; the real and the saved one owns no other process, so that the untrusted
    processes cannot kill this one first.
    """
    try:
        change_user(user, reaper)
        os.kill(-1, SIGKILL)
    finally:
        os._exit(0)


def launch_or_tell(order: dict) -> None:
    try:
        launch(order)
    except Exception as error:  # noqa: BLE001 - the supervisor must hear of it
        os.write(order["status"], f"{type(error).__name__}: {error}\n".encode())
    os._exit(125)


def launch(order: dict) -> None:
    place_descriptors(order["descriptors"], order["status"])
    os.close(order["life"])
    os.umask(0o022)
    for name, value in order["limits"].items():
        _limit(getattr(resource, f"RLIMIT_{name}"), value)
    if order["directory"] is not None:
        os.chdir(order["directory"])
    if order["user"] is not None:
        change_user(order["user"], order["user"])
    process_control(PR_SET_PDEATHSIG, ctypes.c_ulong(SIGKILL))
    if order["landlock"] is not None:
        process_control(PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1))
        restrict_files(**order["landlock"])
        filter_system_calls(order["seccomp"])
    execute(order["command"], order["environment"])


def execute(command: list[str], environment: dict[str, str]) -> None:
    """Replaces this process; ends it with 127, as a shell does, where there is no such program.

    os.execvpe would import modules that the sandbox's user may not read.
    """
    folders = [""] if "/" in command[0] else environment.get("PATH", "").split(":")
    for folder in folders:
        try:
            os.execve(f"{folder}/{command[0]}" if folder else command[0], command, environment)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
    os.write(2, f"{command[0]}: not found or not executable\n".encode())
    os._exit(127)


def _limit(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))


def main() -> None:
    order = marshal.loads(bytes.fromhex(sys.argv[1]))
    for number in (SIGPIPE, SIGXFSZ):  # Python ignores them, and what is ignored stays so in the program
        LIBC.signal(number, None)
    if not order["isolated"]:
        launch_or_tell(order)
    os._exit(watch_over(order))


if __name__ == "__main__":
    main()
