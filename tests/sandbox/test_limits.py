"""Bounds: each ends a program by its own verdict."""

from __future__ import annotations

import dataclasses

import pytest

from mft_core.sandbox import Limits, Tier, available_tiers, run_program

pytestmark = pytest.mark.skipif(not available_tiers(), reason="no tier isolates on this machine")


def test_they_cannot_be_changed_by_whoever_holds_them() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Limits().seconds = 99.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("limit", "program"),
    [
        ("output_bytes", "print('x' * 5000)"),
        ("files", "for n in range(200): open(str(n), 'w')\nimport time\ntime.sleep(30)"),
    ],
)
def test_a_program_within_them_passes_and_beyond_them_does_not(limit: str, program: str, tier: Tier) -> None:
    wide = Limits(seconds=60.0, cpu_seconds=60)
    narrow = dataclasses.replace(wide, **{limit: 100})
    program_within = program.replace("5000", "50").replace("200", "20").replace("30", "0")
    command = ["python3", "main.py"]
    assert run_program(command, {"main.py": program_within}, limits=narrow, tier=tier).verdict == "pass"
    assert run_program(command, {"main.py": program}, limits=narrow, tier=tier).verdict == "output_limit"


def test_an_address_space_of_its_own_leaves_the_memory_limit(tier: Tier) -> None:
    """A runtime may reserve more addresses than it may fill."""
    reserve = "import mmap\nspace = mmap.mmap(-1, 2**31, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)\n"
    narrow = Limits(seconds=60.0, cpu_seconds=60, memory_bytes=2**29)
    wide = dataclasses.replace(narrow, address_space_bytes=2**34)
    assert not run_program(["python3", "main.py"], {"main.py": reserve}, limits=narrow, tier=tier).passed
    assert run_program(["python3", "main.py"], {"main.py": reserve}, limits=wide, tier=tier).passed
