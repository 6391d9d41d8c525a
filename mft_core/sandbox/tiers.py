"""Which sandboxes this machine offers, proven by trying them."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mft_core.errors import MftError
from mft_core.sandbox.execution import Program, execute
from mft_core.sandbox.isolation import TierName, bubblewrap_path
from mft_core.sandbox.launcher import landlock_version
from mft_core.sandbox.limits import Limits
from mft_core.sandbox.seccomp import supported
from mft_core.sandbox.users import can_change_user

PROBE = '! cat "$1" 2>/dev/null && ! cat /etc/passwd 2>/dev/null && ! kill -0 "$2" 2>/dev/null && echo isolated'
PROBE_SECONDS = 20.0


@dataclass(frozen=True)
class Tier:
    """A way to run untrusted programs.

    Attributes:
        name: bubblewrap, landlock or unsafe-local.
        note: what a user should know of it, for logs and reports.
    """

    name: TierName
    note: str


BUBBLEWRAP = Tier("bubblewrap", "own namespaces, own file system in memory, no network (bubblewrap + seccomp)")
LANDLOCK = Tier("landlock", "own user, files and network shut off by the kernel (Landlock + seccomp), host's /tmp")
UNSAFE = Tier("unsafe-local", "NOT isolated: the programs can do whatever you can do")


@functools.cache
def refusals() -> Mapping[TierName, str]:
    """Why each isolating tier is not available here; "" where it is. Tried once in a process."""
    return {BUBBLEWRAP.name: _no_bubblewrap(), LANDLOCK.name: _no_landlock()}


def available_tiers() -> list[Tier]:
    """The tiers that isolate, the strongest first."""
    return [tier for tier in (BUBBLEWRAP, LANDLOCK) if not refusals()[tier.name]]


def best_tier(unsafe_local: bool = False) -> Tier:
    """The strongest tier of this machine.

    Args:
        unsafe_local: where there is none, run the programs without isolation instead of refusing.

    Raises:
        MftError: no tier isolates on this machine, and `unsafe_local` is not given.
    """
    tiers = available_tiers()
    if tiers:
        return tiers[0]
    if unsafe_local:
        return UNSAFE
    reasons = "; ".join(f"{name}: {reason}" for name, reason in refusals().items())
    raise MftError(
        f"untrusted programs cannot be isolated on this machine ({reasons})",
        "install bubblewrap (apt-get install bubblewrap); --unsafe-local runs them without any protection",
    )


def _no_bubblewrap() -> str:
    if not bubblewrap_path():
        return "bwrap is not installed"
    return _tried(BUBBLEWRAP)


def _no_landlock() -> str:
    if not can_change_user():
        return "only root can run programs as another user"
    if landlock_version() < 3:
        return "the kernel has no Landlock of version 3 or later (Linux 6.2)"
    return _tried(LANDLOCK)


def _tried(tier: Tier) -> str:
    """Runs a probe that looks for the host. "" when it finds nothing of it."""
    if not supported():
        return "no list of system calls for this processor"
    with tempfile.NamedTemporaryFile(prefix="mft-probe-") as hidden:
        Path(hidden.name).chmod(0o644)
        probe = Program(
            ["/bin/sh", "-c", PROBE, "probe", hidden.name, str(os.getpid())], limits=Limits(seconds=PROBE_SECONDS)
        )
        outcome = execute(probe, tier.name)
    if outcome.passed and outcome.stdout == b"isolated\n":
        return ""
    return outcome.detail or "a program in it could see the host"
