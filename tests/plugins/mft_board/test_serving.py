"""`mft board` as it is typed: its start, its end, and what goes wrong."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from helpers.made_up_runs import write_run
from mft_board import serving
from mft_board.serving import listen
from mft_cli.app import run_command_line

STARTED = "import sys; from mft_cli.app import main; main()"


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`mft board` in a process of its own."""
    command = [sys.executable, "-c", STARTED, "board", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_it_prints_its_link_shows_the_runs_without_torch_and_ends_cleanly(tmp_path: Path) -> None:
    write_run(tmp_path / "运行", ["任务"])
    with started(str(tmp_path), "--port", "0", "--json") as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        with httpx2.Client(headers={"authorization": f"Bearer {told['token']}"}) as client:
            answer = client.get(f"http://127.0.0.1:{told['port']}/")
        assert "运行" in answer.text
        assert told["url"] == f"http://127.0.0.1:{told['port']}/?token={told['token']}"
        assert told["pid"] == process.pid
        assert "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
        assert (process.returncode, out, errors) == (0, "", "")


def test_a_port_that_is_taken_is_told_with_what_to_do(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    taken = listen("127.0.0.1", 0)
    port = taken.getsockname()[1]
    assert run_command_line(["board", str(tmp_path), "--port", str(port)]) == 2
    error = capsys.readouterr().err
    assert f"Port {port} of 127.0.0.1 is taken" in error
    assert "--port 0" in error
    taken.close()


def test_an_address_that_is_not_ours_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for host in ("192.0.2.1", "no such host"):
        assert run_command_line(["board", str(tmp_path), "--host", host]) == 2
        assert host in capsys.readouterr().err


def test_without_the_extra_it_says_how_to_install_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert run_command_line(["board", str(tmp_path)]) == 1
    assert "pip install 'mft[board]'" in capsys.readouterr().err


def test_it_listens_at_this_machine_alone_by_default() -> None:
    from mft_board.command import HOST

    with listen(HOST, 0) as listener:
        assert listener.family == socket.AF_INET
        assert listener.getsockname()[0] == "127.0.0.1"


def test_a_browser_is_opened_by_a_file_that_only_its_owner_reads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    serving._open_browser("http://127.0.0.1:1/?token=secret")
    path = Path(opened[0].removeprefix("file://"))
    assert "secret" not in opened[0]
    assert "token=secret" in path.read_text(encoding="utf-8")
    assert path.parent.stat().st_mode & 0o077 == 0


def test_no_browser_is_opened_where_nobody_would_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"DISPLAY": ":0", "SSH_CONNECTION": "a b"})
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert not serving._has_screen()
    monkeypatch.setattr(os, "environ", {"DISPLAY": ":0"})
    assert serving._has_screen()
