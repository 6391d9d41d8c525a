"""Hostile programs gain nothing and leave nothing, in every tier of this machine."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from helpers.cheating_programs import CHEATS, SOLUTION, TESTS
from helpers.intruding_programs import INTRUDERS
from mft_core.sandbox import Limits, Outcome, Tier, available_tiers, judge_python, judge_with_nonce
from mft_core.sandbox.processes import all_processes

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not available_tiers(), reason="no tier isolates on this machine")]
MEBIBYTE = 2**20
SMALL = Limits(
    seconds=2.0,
    cpu_seconds=2,
    memory_bytes=256 * MEBIBYTE,
    output_bytes=MEBIBYTE,
    file_bytes=8 * MEBIBYTE,
    files=100,
    processes=16,
)
GENEROUS = Limits(seconds=60.0, cpu_seconds=60)
WORKERS = 6
HARNESS = """
import os
nonce = os.read(4, 99)
os.close(4)
import candidate
assert candidate.double(2) == 4
os.write(3, nonce)
"""


class Host:
    """Things of the host that an intruder would like, and a way to see that they are as they were."""

    def __init__(self, folder: Path, pid: int, port: int, abstract: str) -> None:
        self.token = secrets.token_hex(8)
        self.folder, self.pid, self.port, self.abstract = folder, pid, port, abstract
        self.workspaces = folder.with_name(folder.name + "-workspaces")
        self.touched: list[str] = []
        secret = folder / "secret"
        secret.write_text(self.token)
        secret.chmod(0o666)
        with suppress(OSError):  # a file system without extended attributes
            os.setxattr(secret, "user.mft", self.token.encode())
        for path in (folder, self.workspaces):
            path.mkdir(exist_ok=True)
            path.chmod(0o777)

    def state(self) -> object:
        files: dict[str, object] = {
            path.name: (path.stat().st_mode, path.stat().st_uid, path.stat().st_mtime_ns, path.read_bytes())
            for path in self.folder.iterdir()
        }
        files["attributes"] = {path.name: os.listxattr(path) for path in self.folder.iterdir()}
        keys = [
            Path(f"/proc/sysvipc/{kind}").read_text(encoding="utf-8").count("7169652") for kind in ("shm", "msg", "sem")
        ]
        system = [Path(path).stat().st_mtime_ns for path in ("/etc/passwd", "/usr/bin/env")]
        system.append(self.folder.stat().st_mtime_ns)
        return files, keys, system, Path("/proc/sys/kernel/core_pattern").read_text(encoding="utf-8")

    def new_files(self) -> list[str]:
        folders = ("/tmp", "/usr/local/bin", "/etc", "/dev/shm", "/var/tmp", "/root", "/run", "/dev", "/opt")
        return [folder for folder in folders if Path(folder, self.token).exists()]

    def survivors(self) -> list[str]:
        """Processes that run in a folder of a sandbox of these tests."""
        found = []
        for process in all_processes():
            try:
                folder = str(Path(f"/proc/{process.pid}/cwd").readlink())
            except OSError:
                continue
            if folder.startswith(str(self.workspaces)):
                found.append(folder)
        return found

    def fill(self, source: str) -> str:
        for name in ("victim", "pid", "port", "abstract", "token"):
            value = self.folder if name == "victim" else getattr(self, name)
            source = source.replace("{" + name + "}", str(value))
        return source


@contextmanager
def _sleeping() -> Iterator[subprocess.Popen[bytes]]:
    """A process to be left alone; ended whatever happens."""
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    tmp_path_factory.getbasetemp()  # pytest's own folder must not lie in the one that is removed here
    folder = Path(tempfile.mkdtemp(prefix="mft-victim-"))
    abstract = f"mft-test-{secrets.token_hex(8)}"
    with (
        _sleeping() as victim,
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as local,
        pytest.MonkeyPatch.context() as patch,
    ):
        local.bind("\0" + abstract)
        local.listen()
        host = Host(folder, victim.pid, server.getsockname()[1], abstract)
        patch.setenv("MFT_TEST_SECRET", host.token)
        patch.setattr(tempfile, "tempdir", str(host.workspaces))
        for listener in (server, local):
            threading.Thread(target=_greet, args=(listener, host), daemon=True).start()
        yield host
    shutil.rmtree(folder)
    shutil.rmtree(host.workspaces)


def _greet(listener: socket.socket, host: Host) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        host.touched.append("connected")
        connection.sendall(host.token.encode())
        connection.close()


@pytest.fixture(scope="module")
def ends(tier: Tier, host: Host) -> dict[str, Outcome]:
    """The outcomes of all hostile programs, which run at the same time, next to an honest one."""
    before, environment = host.state(), dict(os.environ)
    with ThreadPoolExecutor(WORKERS) as pool:
        running = {
            f"cheat: {name}": pool.submit(judge_python, source, TESTS, "double", SMALL, tier=tier)
            for name, source in CHEATS.items()
        }
        for name, source in INTRUDERS.items():
            files = {"main.py": HARNESS, "candidate.py": host.fill(source)}
            running[f"intruder: {name}"] = pool.submit(
                judge_with_nonce, ["python3", "main.py"], files, limits=SMALL, tier=tier
            )
        running["honest"] = pool.submit(judge_python, SOLUTION, TESTS, "double", GENEROUS, tier=tier)
        outcomes = {name: future.result() for name, future in running.items()}
    assert host.state() == before
    assert dict(os.environ) == environment
    return outcomes


@pytest.mark.parametrize("name", [*(f"cheat: {name}" for name in CHEATS), *(f"intruder: {name}" for name in INTRUDERS)])
def test_hostile_program_gains_nothing(name: str, ends: dict[str, Outcome], host: Host) -> None:
    outcome = ends[name]
    assert outcome.verdict not in ("pass", "infra_error"), outcome
    seen = outcome.stdout + outcome.stderr + outcome.result + outcome.detail.encode()
    assert host.token.encode() not in seen
    assert b"root:x:0" not in seen


def test_hostile_programs_leave_nothing(ends: dict[str, Outcome], host: Host) -> None:
    assert len(ends) > 36
    assert [path.name for path in host.folder.iterdir()] == ["secret"]
    assert host.new_files() == []
    assert host.touched == []
    assert host.survivors() == []
    assert list(host.workspaces.glob("mft-sandbox-*")) == []
    os.kill(host.pid, 0)


def test_next_verdict_is_right(ends: dict[str, Outcome], tier: Tier) -> None:
    assert ends["honest"].verdict == "pass"
    assert judge_python(SOLUTION, TESTS, "double", GENEROUS, tier=tier).verdict == "pass"
    assert judge_python("def double(x): return x", TESTS, "double", GENEROUS, tier=tier).verdict == "fail"
