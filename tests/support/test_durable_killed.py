"""Whoever is killed while writing leaves the old or the new; the next one clears up."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.written_folders import content, names, whole, write
from mft_core.support.durable import write_text


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


KILLED = """
import os, signal, sys
from pathlib import Path
from mft_core.support.durable import remove_folder, whole_folder, write_text

action = sys.argv[1]

def act(parent, last):
    done = 0

    def count(event, arguments):
        nonlocal done
        if event.partition(".")[0] in ("open", "os", "shutil"):
            done += 1
            if done == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    if action == "file":
        write_text(parent / "target", "new")
    elif action == "remove":
        remove_folder(parent / "target")
    else:
        with whole_folder(parent / "target") as folder:
            (folder / "a").write_text("new")
            (folder / "below").mkdir()
            (folder / "below" / "b").write_text("new")

for line in sys.stdin:
    last, _, parent = line.rstrip("\\n").partition(" ")
    child = os.fork()
    if not child:
        act(Path(parent), int(last))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""For each line of input, a process of its own, forked from one that has imported what it needs."""


def kill_at_every_step(action: str, parent: Path) -> list[Path]:
    """Do `action` in a fresh folder, killed before its first, second, ... operation on files, until one ends well.

    Returns:
        the folders as the killed processes left them.
    """
    codes, folders = [], []
    with start(KILLED, action) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        while 0 not in codes:
            folders.append(parent / str(len(codes)))
            folders[-1].mkdir(parents=True)
            if action == "file":
                (folders[-1] / "target").write_text("old")
            else:
                write(folders[-1] / "target", "old")
            process.stdin.write(f"{len(codes) + 1} {folders[-1]}\n")
            process.stdin.flush()
            codes.append(int(process.stdout.readline()))
    assert set(codes[:-1]) == {-signal.SIGKILL}
    assert len(codes) > 3
    return folders[:-1]


@pytest.mark.slow
def test_kill_9_at_any_moment_leaves_the_old_or_the_new_folder(tmp_path: Path) -> None:
    folders = kill_at_every_step("folder", tmp_path)
    found = []
    for folder in folders:
        (good,) = [folder / "target"] if (folder / "target").exists() else folder.glob(".target.*.replaced")
        found.append("absent" if good.name != "target" else content(good)["a"])
        assert content(good) in (whole("old"), whole("new"))
    assert found == sorted(found, key=["old", "absent", "new"].index)
    assert set(found) == {"old", "absent", "new"}


@pytest.mark.slow
def test_kill_9_at_any_moment_leaves_the_old_or_the_new_file(tmp_path: Path) -> None:
    folders = kill_at_every_step("file", tmp_path)
    found = [(folder / "target").read_text() for folder in folders]
    assert set(found) == {"old", "new"}


@pytest.mark.slow
def test_kill_9_at_any_moment_of_removing_leaves_all_or_nothing(tmp_path: Path) -> None:
    folders = kill_at_every_step("remove", tmp_path)
    assert [content(folder / "target") for folder in folders if (folder / "target").exists()] == [whole("old")]


@pytest.mark.slow
@pytest.mark.parametrize("action", ["folder", "file", "remove"])
def test_the_next_write_removes_what_a_killed_process_left(tmp_path: Path, action: str) -> None:
    folders = kill_at_every_step(action, tmp_path)
    left = [[name for name in names(folder) if name != "target"] for folder in folders]
    assert any(left)
    for folder in folders:
        absent = not (folder / "target").exists()
        write_text(folder / "other", "")
        # What was moved away for a new folder that never came is all there is.
        kept = [name for name in names(folder) if name.endswith(".replaced")]
        assert len(kept) == (absent and action == "folder")
        assert set(names(folder)) - {"target", "other"} == set(kept)
        (write_text if action == "file" else write)(folder / "target", "next")
        write_text(folder / "other", "")
        assert names(folder) == ["other", "target"]


WAITING = """
import sys
from pathlib import Path
from mft_core.support.durable import whole_file, whole_folder
with whole_folder(Path(sys.argv[1]) / "folder") as folder, whole_file(Path(sys.argv[1]) / "file") as stream:
    (folder / "a").write_text("slow")
    print("in it", flush=True)
    sys.stdin.readline()
    stream.write(b"slow")
"""


def test_what_another_process_is_writing_is_left_alone(tmp_path: Path) -> None:
    with start(WAITING, tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in it\n"
        write(tmp_path / "folder", "quick")
        write_text(tmp_path / "file", "quick")
        assert len(names(tmp_path)) == 4
        process.communicate("go on\n")
    assert process.returncode == 0
    assert (content(tmp_path / "folder"), (tmp_path / "file").read_text()) == ({"a": "slow"}, "slow")
    assert names(tmp_path) == ["file", "folder"]


def test_what_another_machine_left_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with start(WAITING, tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    left = names(tmp_path)
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "another.example", "", "", "")))
    write(tmp_path / "folder", "here")
    assert names(tmp_path) == sorted([*left, "folder"])
    monkeypatch.undo()
    write(tmp_path / "folder", "here")
    assert names(tmp_path) == ["folder"]


def test_without_locks_it_writes_and_clears_only_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOTSUP, "no locks here")

    with start(WAITING, tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    left = names(tmp_path)
    monkeypatch.setattr(fcntl, "flock", refuse)
    for text in ("old", "new"):
        write(tmp_path / "folder", text)
        assert content(tmp_path / "folder") == whole(text)
    assert names(tmp_path) == sorted([*left, "folder"])


RACING = """
import os, sys
from pathlib import Path
from mft_core.support.durable import whole_folder
keep = Path.is_dir if sys.argv[2] == "keep" else None
for line in sys.stdin:
    target = Path(sys.argv[1]) / f"target{line.strip()}"
    with whole_folder(target, keep_existing=keep) as folder:
        (folder / "a").write_text(sys.argv[3])
        (folder / "b").write_text(sys.argv[3])
    print((target / "a").read_text() + (target / "b").read_text() if keep else "", flush=True)
"""


@pytest.mark.parametrize("mode", ["keep", "replace"])
def test_two_processes_at_the_same_folder_both_get_a_whole_one(tmp_path: Path, mode: str) -> None:
    racers = [start(RACING, tmp_path, mode, name) for name in "xy"]
    winners = set()
    for number in range(50):
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write(f"{number}\n")
            racer.stdin.flush()
        told = {racer.stdout.readline().strip() for racer in racers if racer.stdout is not None}
        found = content(tmp_path / f"target{number}")
        assert found["a"] == found["b"]
        assert told == ({found["a"] + found["b"]} if mode == "keep" else {""})
        winners.add(found["a"])
    for racer in racers:
        racer.communicate()
    assert [racer.returncode for racer in racers] == [0, 0]
    assert winners <= {"x", "y"}
    assert names(tmp_path) == sorted(f"target{number}" for number in range(50))
