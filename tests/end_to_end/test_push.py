"""`mft push` as a user calls it, in processes of its own, to a server that takes repositories as the Hub does."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.own_hub import TOKEN, HubRepository, OwnHub, own_hub
from helpers.running import arguments, mft, write_tasks

PROGRAM = (sys.executable, "-c", "from mft_cli.app import main; main()", "push")
Push = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, evaluated at its end and afterwards."""
    folder = tmp_path_factory.mktemp("push")
    data = write_tasks(folder / "data", {"add": 12, "copy": 6})
    more = ("--steps", "2", "--set", 'eval=[{name="exact-match",max_new_tokens=2}]')
    assert mft(*arguments(data, folder / "run", *more)) == 0
    assert mft("eval", str(folder / "run"), "--on", "loss") == 0
    return folder / "run"


@pytest.fixture
def hub() -> Iterator[OwnHub]:
    with own_hub() as running:
        yield running


@pytest.fixture
def push(run: Path, hub: OwnHub) -> Push:
    def call(*command: str, stdin: int = subprocess.DEVNULL, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, str(run), *command], env=environment(hub, token), stdin=stdin,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    return call


def environment(hub: OwnHub, token: str = TOKEN) -> dict[str, str]:
    return {**os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": token, "HF_HUB_DISABLE_XET": "1"}


def test_a_new_repository(push: Push, hub: OwnHub, run: Path) -> None:
    done = push("me/tuned", "--base-name", "org/tiny", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    repository = hub.repositories["me/tuned"]
    files = repository.branches["main"]
    assert repository.private
    assert told["files"] == {name: len(content) for name, content in files.items()}
    assert (told["url"], told["commit"]) == (f"{hub.url}/me/tuned", repository.sha())
    assert TOKEN not in done.stdout + done.stderr
    assert files["adapter_model.safetensors"] == (run / "final" / "adapter_model.safetensors").read_bytes()
    for name, content in files.items():
        assert str(run.parent).encode() not in content, name
        assert TOKEN.encode() not in content, name
    card = files["README.md"].decode()
    assert "(lora) on 2 tasks at once, for 2 steps" in card
    assert "± " in card
    assert "| exact-match/add |" in card
    assert "| add | loss |" in card
    assert 'path = "data"' in card
    assert 'PeftModel.from_pretrained(base, "me/tuned")' in card


def test_what_is_there_is_replaced_only_where_that_was_said(push: Push, hub: OwnHub, run: Path) -> None:
    old = {"model.safetensors": b"1", "README.md": b"2"}
    hub.repositories["me/tuned"] = HubRepository(branches={"main": old})
    command = ("me/tuned", "--base-name", "org/tiny")
    refused = push(*command)
    assert refused.returncode == 2
    assert "me/tuned (main) holds 2 files, which would be replaced, 1 of them deleted (model.safetensors)" in (
        refused.stderr
    )
    assert "--yes" in refused.stderr
    assert answered(command, run, hub, "n\n") == 1
    assert hub.repositories["me/tuned"].branches["main"] == old
    assert answered(command, run, hub, "y\n") == 0
    assert "adapter_config.json" in hub.repositories["me/tuned"].branches["main"]
    assert "model.safetensors" not in hub.repositories["me/tuned"].branches["main"]
    assert push(*command, "--yes").returncode == 0
    assert hub.repositories["me/tuned"].commits == 2


def answered(command: tuple[str, ...], run: Path, hub: OwnHub, answer: str) -> int:
    """The exit code where a user at a terminal answers so."""
    own, theirs = pty.openpty()
    try:
        os.write(own, answer.encode())
        process = subprocess.run(
            [*PROGRAM, str(run), *command], env=environment(hub), stdin=theirs, capture_output=True, timeout=300,
            check=False,
        )  # fmt: skip
    finally:
        os.close(own)
        os.close(theirs)
    return process.returncode


def test_a_merged_model_on_a_branch(push: Push, hub: OwnHub, run: Path) -> None:
    before = sorted(run.iterdir())
    done = push("me/tuned", "--format", "merged", "--revision", "second")
    assert done.returncode == 0, done.stderr
    branches = hub.repositories["me/tuned"].branches
    assert branches["main"] == {}
    assert "model.safetensors" in branches["second"]
    assert sorted(run.iterdir()) == before


def test_a_reset_on_the_way_is_said_and_a_repeat_works(push: Push, hub: OwnHub) -> None:
    hub.plan = {"/commit/": lambda handler: handler.reset()}
    failed = push("me/tuned", "--base-name", "org/tiny")
    assert failed.returncode == 1
    assert "pushed to" not in failed.stdout
    assert "the connection to the Hub came off" in failed.stderr
    assert hub.repositories["me/tuned"].branches["main"] == {}
    hub.plan = {}
    assert push("me/tuned", "--base-name", "org/tiny").returncode == 0
    assert "adapter_config.json" in hub.repositories["me/tuned"].branches["main"]
