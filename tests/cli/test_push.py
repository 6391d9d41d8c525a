"""`mft push`: what is refused, what is listed, and what is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.own_hub import HubRepository, OwnHub, own_hub_here
from helpers.running import mft

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the Hub's client's own
NAMED = ("--base-name", "org/base")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnHub]:
    with own_hub_here(monkeypatch) as running:
        yield running


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A folder with an adapter, as `mft export --format adapter` writes one."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(tmp_path / "base")}))
    (folder / "adapter_model.safetensors").write_bytes(b"12345")
    return folder


def test_a_dry_run_lists_and_asks_nobody(
    capsys: pytest.CaptureFixture[str], adapter: Path, hub: OwnHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    assert mft("push", str(adapter), "me/x", "--dry-run", *NAMED) == 0
    shown = capsys.readouterr().out
    assert " 5 bytes  adapter_model.safetensors\n" in shown
    assert " bytes  in 3 files\nnothing was sent to me/x: --dry-run\n" in shown
    assert mft("push", str(adapter), "me/x", "--dry-run", "--json", *NAMED) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"]["adapter_model.safetensors"] == 5
    assert "commit" not in told
    assert hub.requests == []


def test_files_that_are_there_are_replaced_by_yes(
    capsys: pytest.CaptureFixture[str], adapter: Path, hub: OwnHub
) -> None:
    hub.repositories["me/x"] = HubRepository(branches={"main": {"old": b"1"}})
    assert mft("push", str(adapter), "me/x", "--yes", *NAMED) == 0
    assert f"pushed to {hub.url}/me/x, commit {hub.repositories['me/x'].sha()}\n" in capsys.readouterr().out
    assert sorted(hub.repositories["me/x"].branches["main"]) == [
        "README.md", "adapter_config.json", "adapter_model.safetensors",
    ]  # fmt: skip


@pytest.mark.parametrize(("private", "flag"), [(False, ""), (True, "--public")])
def test_nothing_private_becomes_public_by_a_push(
    private: bool, flag: str, capsys: pytest.CaptureFixture[str], adapter: Path, hub: OwnHub
) -> None:
    hub.repositories["me/x"] = HubRepository(private=private)
    assert mft("push", str(adapter), "me/x", *NAMED, *filter(None, [flag])) == 2
    refused = capsys.readouterr().err
    word = "private" if private else "public"
    assert f"me/x is {word}, and a push leaves it so" in refused
    assert f"Say --{word} if that is meant" in refused
    assert hub.repositories["me/x"].branches["main"] == {}


def test_an_adapter_without_a_name_for_its_base_is_refused_before_anything_is_sent(
    capsys: pytest.CaptureFixture[str], adapter: Path, hub: OwnHub
) -> None:
    assert mft("push", str(adapter), "me/x") == 2
    refused = capsys.readouterr().err
    assert "--base-name ORG/NAME says what the Hub calls it" in refused
    assert hub.repositories == {}
