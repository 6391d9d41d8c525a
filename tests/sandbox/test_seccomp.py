"""The filter of system calls, run as the kernel runs it."""

from __future__ import annotations

import platform
import struct

import pytest

from mft_core.errors import MftError
from mft_core.sandbox.seccomp import (
    ALLOW,
    ARCHITECTURES,
    CLONE,
    FAIL_WITH,
    KILL,
    NEW_NAMESPACES,
    PR_SET_DUMPABLE,
    PRCTL,
    REFUSED,
    UNKNOWN,
    UNSUPPORTED,
    WITHOUT_EFFECT,
    X32_BIT,
    filter_program,
    supported,
)

ENOSYS, EPERM = 38, 1
needs_list = pytest.mark.skipif(not supported(), reason=f"no list of system calls for {platform.machine()}")


def decide(number: int, argument: int = 0, architecture: int | None = None) -> int:
    """What the program returns for a call: the five instructions it uses, as linux/filter.h defines them."""
    _, own = ARCHITECTURES[platform.machine()]
    data = struct.pack("=IIQ6Q", number, own if architecture is None else architecture, 0, argument, *[0] * 5)
    program = [struct.unpack_from("=HBBI", filter_program(), place) for place in range(0, len(filter_program()), 8)]
    place, loaded = 0, 0
    while True:
        code, if_true, if_false, value = program[place]
        place += 1
        if code == 0x06:
            return value
        if code == 0x20:
            (loaded,) = struct.unpack_from("=I", data, value)
            continue
        holds = {0x15: loaded == value, 0x35: loaded >= value, 0x45: bool(loaded & value)}[code]
        place += if_true if holds else if_false


@needs_list
@pytest.mark.parametrize(
    ("calls", "error"),
    [(REFUSED, EPERM), (UNKNOWN, ENOSYS), (UNSUPPORTED, 95), (WITHOUT_EFFECT, 0)],
    ids=["refused", "unknown", "unsupported", "without effect"],
)
def test_every_listed_call_fails_with_its_error(calls: dict[str, tuple[int, int | None]], error: int) -> None:
    column, _ = ARCHITECTURES[platform.machine()]
    for name, numbers in calls.items():
        if numbers[column] is not None:
            assert decide(numbers[column]) == FAIL_WITH | error, name


@needs_list
def test_ordinary_calls_are_allowed_and_namespaces_are_not() -> None:
    column, _ = ARCHITECTURES[platform.machine()]
    assert decide((0, 63)[column]) == ALLOW  # read
    assert decide(CLONE[column], 17) == ALLOW  # as fork does
    assert decide(CLONE[column], NEW_NAMESPACES & -NEW_NAMESPACES) == FAIL_WITH | EPERM
    assert decide(PRCTL[column], PR_SET_DUMPABLE) == FAIL_WITH | EPERM
    assert decide(PRCTL[column], 15) == ALLOW  # naming a thread


@needs_list
def test_another_architectures_calls_end_the_process() -> None:
    assert decide(0, architecture=0x40000003) == KILL
    assert decide(X32_BIT | 1) == KILL


def test_an_architecture_without_a_list_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert not supported()
    with pytest.raises(MftError, match="riscv64"):
        filter_program()
