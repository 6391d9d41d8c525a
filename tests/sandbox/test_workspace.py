"""The folder a sandboxed program may write to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mft_core.errors import MftError
from mft_core.sandbox.workspace import TOO_MANY, usage, workspace


def test_it_holds_the_files_and_is_gone_afterwards() -> None:
    with workspace({"main.py": "größe\ud800", "inner/data": b"\x00"}, None) as folder:
        assert (folder / "main.py").read_bytes() == "größe".encode() + b"\xed\xa0\x80"
        assert (folder / "inner" / "data").read_bytes() == b"\x00"
        (folder / "left").mkdir()
        (folder / "left" / "link").symlink_to("/etc")
    assert not folder.exists()
    assert Path("/etc").is_dir()


HOLDER = """
import sys, time
from mft_core.sandbox.workspace import workspace
with workspace({"main.py": "x"}, None) as folder:
    print(folder, flush=True)
    time.sleep(float(sys.argv[1]))
"""


@contextmanager
def holder(parent: Path, seconds: float) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process with a workspace of its own; ended at the end."""
    command = [sys.executable, "-c", HOLDER, str(seconds)]
    environment = {**os.environ, "TMPDIR": str(parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


@pytest.mark.slow
def test_what_a_killed_process_left_is_removed_by_the_next_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with holder(tmp_path, 600) as (_, living):
        with holder(tmp_path, 600) as (killed, left):
            killed.kill()
            killed.wait()
            assert left.is_dir()
        other = tmp_path / "mft-sandbox-link"
        other.symlink_to(tmp_path / "elsewhere")
        (tmp_path / "elsewhere").mkdir()
        with holder(tmp_path, 0) as (process, own):
            assert process.wait(60) == 0
        assert (left.exists(), own.exists()) == (False, False)
        assert (living / "main.py").read_text() == "x"
        assert (tmp_path / "elsewhere").is_dir()


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", ""])
def test_a_name_that_leaves_it_is_refused(name: str) -> None:
    with pytest.raises(MftError, match="may not be named"), workspace({name: ""}, None):
        pass


def test_its_size_counts_every_file_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for number in range(3):
        (tmp_path / "inner" / str(number)).write_bytes(b"x" * 100_000)
    (tmp_path / "link").symlink_to("/usr")
    size, count = usage(tmp_path)
    assert count == 5
    assert 300_000 <= size < 1_000_000


def test_a_path_too_long_for_the_kernel_counts_as_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(20):
        Path("d" * 250).mkdir()
        monkeypatch.chdir("d" * 250)
    monkeypatch.chdir(tmp_path)
    assert usage(tmp_path)[1] >= TOO_MANY
