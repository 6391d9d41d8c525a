"""The system calls that no judged program needs and that reach the outside or the kernel's less-trodden parts."""

from __future__ import annotations

import platform
import struct
from errno import ENOSYS, EOPNOTSUPP, EPERM

from mft_core.errors import MftError

# name -> number on x86_64, number on aarch64 (None where it does not exist)
REFUSED: dict[str, tuple[int, int | None]] = {
    # network; `socketpair` stays
    "socket": (41, 198),
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    # namespaces and mounts
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    # what outlives the process: keys, System V and POSIX queues, semaphores, shared memory
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    # the machine
    "init_module": (175, 105),
    "delete_module": (176, 106),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    # handles around the file rules, attack surface
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
}
# Refused as if the kernel did not know them, so that libraries take their older way. Memory files count nowhere.
UNKNOWN: dict[str, tuple[int, int | None]] = {
    "clone3": (435, 435),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    # watching folders of the host, which Landlock does not rule; programs look themselves instead
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "inotify_add_watch": (254, 27),
}
# Refused as on a file system without extended attributes, which copying a file bears. Landlock does not rule them.
UNSUPPORTED: dict[str, tuple[int, int | None]] = {
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "getxattr": (191, 8),
    "lgetxattr": (192, 9),
    "fgetxattr": (193, 10),
    "listxattr": (194, 11),
    "llistxattr": (195, 12),
    "flistxattr": (196, 13),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "setxattrat": (463, 463),
    "getxattrat": (464, 464),
    "listxattrat": (465, 465),
    "removexattrat": (466, 466),
}
# Done without effect: a file's times, which Landlock does not rule either. Copying a file or unpacking an archive would
# fail if this were refused; a filter cannot tell the program's own files from those of the host.
WITHOUT_EFFECT: dict[str, tuple[int, int | None]] = {
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
}
ANSWERS = ((REFUSED, EPERM), (UNKNOWN, ENOSYS), (UNSUPPORTED, EOPNOTSUPP), (WITHOUT_EFFECT, 0))
"""The calls, and the error that each ends with; 0: none."""
CLONE = (56, 220)
PRCTL = (157, 167)
PR_SET_DUMPABLE = 4
NEW_NAMESPACES = 0x7E020000

ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
X32_BIT = 0x40000000

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
ALLOW, KILL, FAIL_WITH = 0x7FFF0000, 0x80000000, 0x00050000


def supported() -> bool:
    return platform.machine() in ARCHITECTURES


def filter_program() -> bytes:
    """The BPF program (struct sock_filter[]) for this machine's architecture.

    Raises:
        MftError: the architecture is neither x86_64 nor aarch64.
    """
    if not supported():
        raise MftError(
            f"the sandbox has no list of system calls for {platform.machine()}", "judge on x86_64 or aarch64"
        )
    column, audit_number = ARCHITECTURES[platform.machine()]
    program = [
        _instruction(LOAD, ARCHITECTURE),
        _instruction(JUMP_EQUAL, audit_number, 1, 0),
        _instruction(RETURN, KILL),
        _instruction(LOAD, NUMBER),
        _instruction(JUMP_AT_LEAST, X32_BIT, 0, 1),
        _instruction(RETURN, KILL),
    ]
    for calls, error in ANSWERS:
        for numbers in calls.values():
            number = numbers[column]
            if number is not None:
                program += [_instruction(JUMP_EQUAL, number, 0, 1), _instruction(RETURN, FAIL_WITH | error)]
    program += _refuse_argument(CLONE[column], JUMP_ANY_BIT, NEW_NAMESPACES)
    program += _refuse_argument(PRCTL[column], JUMP_EQUAL, PR_SET_DUMPABLE)
    program.append(_instruction(RETURN, ALLOW))
    return b"".join(program)


def _refuse_argument(number: int, comparison: int, value: int) -> list[bytes]:
    """Refuses the call when its first argument compares; leaves the call's number loaded otherwise."""
    return [
        _instruction(JUMP_EQUAL, number, 0, 4),
        _instruction(LOAD, FIRST_ARGUMENT),
        _instruction(comparison, value, 0, 1),
        _instruction(RETURN, FAIL_WITH | EPERM),
        _instruction(LOAD, NUMBER),
    ]


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
