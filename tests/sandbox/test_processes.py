"""Processes seen from outside, and their end."""

from __future__ import annotations

import os
import subprocess
import sys

from mft_core.sandbox.processes import DescendantGroup, all_processes, end

FAMILY = "sleep 600 & sh -c 'sleep 601 & wait' & echo ready; exec sleep 602"


def start(command: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def test_this_process_is_seen_with_its_memory() -> None:
    (own,) = [process for process in all_processes() if process.pid == os.getpid()]
    assert (own.parent, own.user, own.dead) == (os.getppid(), os.getuid(), False)
    assert own.memory > 2**20


def test_a_group_is_all_descendants_and_its_end_leaves_none() -> None:
    with start(FAMILY) as process:
        group = DescendantGroup(process.pid)
        assert process.pid in {member.pid for member in group.members()}
        assert os.getpid() not in {member.pid for member in group.members()}
        below = DescendantGroup(process.pid, itself=False)
        assert {member.pid for member in group.members()} - {member.pid for member in below.members()} == {process.pid}
        assert end(process, group)
        assert process.returncode == -9
        assert group.members() == []


def test_memory_is_what_a_process_fills() -> None:
    source = "data = bytearray(b'x' * 2**26)\nprint('ready', flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (member,) = DescendantGroup(process.pid).members()
        assert 2**26 <= member.memory < 2**28
        process.communicate(b"\n")
