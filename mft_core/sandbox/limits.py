"""What an untrusted program may use before it is stopped."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 2**20


@dataclass(frozen=True)
class Limits:
    """Bounds of one run of an untrusted program.

    Attributes:
        seconds: wall-clock time.
        cpu_seconds: processor time of any one process (RLIMIT_CPU).
        memory_bytes: anonymous and shared memory of all its processes together, as sampled while it runs.
        address_space_bytes: RLIMIT_AS of any one process; None takes `memory_bytes`. Java, Go and Node reserve
            far more addresses than they use: give them 8 GiB or more here, and keep `memory_bytes` as it is.
        output_bytes: standard output, standard error and the result descriptor, each.
        file_bytes: size of one file (RLIMIT_FSIZE), and of all files together.
        files: number of files and folders.
        processes: processes and threads at the same time.
    """

    seconds: float = 10.0
    cpu_seconds: int = 10
    memory_bytes: int = 1024 * MEBIBYTE
    address_space_bytes: int | None = None
    output_bytes: int = 4 * MEBIBYTE
    file_bytes: int = 64 * MEBIBYTE
    files: int = 1000
    processes: int = 64
