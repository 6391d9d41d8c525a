"""How each tier turns a command into a process that can see and change nothing of the host."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

TierName = Literal["bubblewrap", "landlock", "unsafe-local"]

SOFTWARE = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
# What programs of the system need besides: the loader's cache, Debian's alternatives, settings of the JDK and of Node.
SETTINGS = ("etc/ld.so.cache", "etc/alternatives", "etc/java-*", "etc/localtime", "etc/ssl/openssl.cnf")
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
INSIDE = "/tmp"


def settings() -> list[str]:
    return [path for pattern in SETTINGS for path in sorted(map(str, Path("/").glob(pattern)))]


def base_environment(folder: str) -> dict[str, str]:
    """All that a program finds in its environment: nothing of the host's."""
    return {
        "PATH": SEARCH_PATH,
        "HOME": folder,
        "TMPDIR": folder,
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def bubblewrap_path() -> str:
    """ "" where it is not installed."""
    return shutil.which("bwrap", path=SEARCH_PATH) or ""


def bubblewrap_command(
    command: Sequence[str],
    environment: Mapping[str, str],
    readable: Sequence[Path],
    files: Mapping[str, int],
    file_bytes: int,
    filter_descriptor: int,
    status_descriptor: int,
) -> list[str]:
    """bwrap's command line. `files` gives descriptors by the name inside; they are copied to a file system in memory.

    bwrap itself must be started with an empty environment: with --as-pid-1 there would be no other process, but the
    environment it was started with stays readable in /proc. There is no --dev: its /dev has no limit on its size.
    """
    arguments = [
        bubblewrap_path(),
        "--unshare-user",
        "--unshare-pid",
        "--unshare-net",
        "--unshare-ipc",
        "--unshare-uts",
    ]
    arguments += ["--unshare-cgroup-try", "--disable-userns", "--as-pid-1", "--die-with-parent", "--new-session"]
    arguments += ["--cap-drop", "ALL", "--hostname", "sandbox"]
    for path in SOFTWARE:
        place = Path(path)
        if place.is_symlink():
            arguments += ["--symlink", str(place.readlink()), path]
        elif place.exists():
            arguments += ["--ro-bind", path, path]
    for path in settings():
        arguments += ["--ro-bind-try", path, path]
    for path in DEVICES:
        arguments += ["--dev-bind-try", path, path]
    arguments += ["--proc", "/proc", "--size", str(file_bytes), "--perms", "0700", "--tmpfs", INSIDE]
    arguments += ["--symlink", INSIDE, "/dev/shm"]
    for folder in map(str, readable):
        arguments += ["--ro-bind", folder, folder]
    for name, descriptor in files.items():
        arguments += ["--perms", "0700", "--file", str(descriptor), f"{INSIDE}/{name}"]
    arguments += ["--remount-ro", "/", "--chdir", INSIDE]
    for name, value in environment.items():
        arguments += ["--setenv", name, value]
    arguments += ["--seccomp", str(filter_descriptor), "--json-status-fd", str(status_descriptor)]
    return [*arguments, "--", *command]


def landlock_rules(folder: Path, readable: Sequence[Path]) -> dict[str, list[str]]:
    return {
        "readable": [*SOFTWARE, *settings(), *map(str, readable)],
        "writable": [str(folder)],
        "devices": list(DEVICES),
    }
