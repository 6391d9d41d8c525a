"""A repository on the Hub: looked at, made, made anew in one commit; what goes wrong on the way changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.own_hub import HubHandler, HubRepository, OwnHub, own_hub_here
from mft_core.errors import MftError, UsageError
from mft_core.support.hub_upload import HubUpload, Repository, check_name

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the Hub's client's own
FILES: dict[str, Path | bytes] = {"README.md": b"# A model\n", "model.safetensors": b"weights"}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnHub]:
    with own_hub_here(monkeypatch) as running:
        yield running


def contents(hub: OwnHub, branch: str = "main") -> dict[str, bytes]:
    return hub.repositories["me/x"].branches[branch]


def push(hub: OwnHub, files: dict[str, Path | bytes] | None = None, revision: str = "main") -> None:
    upload = HubUpload("me/x", revision)
    upload.push(upload.look(), files or FILES, private=True, message="m")


def test_a_new_repository_is_private_and_large_files_go_by_lfs(hub: OwnHub, tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"weights")
    upload = HubUpload("me/x", "main")
    assert upload.look() == Repository("me/x", "main")
    done = upload.push(upload.look(), {**FILES, "model.safetensors": tmp_path / "w"}, private=True, message="m")
    assert done.url == f"{hub.url}/me/x"
    assert contents(hub) == FILES
    assert hub.repositories["me/x"].private
    assert list(hub.blobs.values()) == [b"weights"]
    now = upload.look()
    assert (now.exists, now.private, now.commit, now.files) == (True, True, done.commit, tuple(sorted(FILES)))


def test_files_of_before_are_replaced_and_deleted_in_one_commit(hub: OwnHub) -> None:
    hub.repositories["me/x"] = HubRepository(branches={"main": {"old.bin": b"1", "README.md": b"2"}})
    push(hub)
    assert contents(hub) == FILES
    assert hub.repositories["me/x"].commits == 1


def test_another_branch_is_made_and_main_stays(hub: OwnHub) -> None:
    push(hub)
    push(hub, {"a.txt": b"1"}, "second")
    assert contents(hub) == FILES
    assert contents(hub, "second") == {"a.txt": b"1"}
    assert HubUpload("me/x", "second").look().files == ("a.txt",)


@pytest.mark.parametrize("place", ["/commit/", "/preupload/", "/lfs/objects/batch"])
def test_a_connection_that_is_reset_changes_nothing_and_a_repeat_works(place: str, hub: OwnHub) -> None:
    hub.repositories["me/x"] = HubRepository(branches={"main": {"old.txt": b"1"}})
    hub.plan = {place: once(hub, place)}
    if place == "/commit/":  # the only one that the Hub's client does not try again itself
        with pytest.raises(MftError, match="the connection to the Hub came off") as caught:
            push(hub)
        assert "rerun" in caught.value.hint
        assert contents(hub) == {"old.txt": b"1"}
    push(hub)
    assert contents(hub) == FILES
    assert sum(request.startswith("PUT") for request in hub.requests) == 1


def once(hub: OwnHub, place: str) -> Callable[[HubHandler], None]:
    def reset(handler: HubHandler) -> None:
        del hub.plan[place]
        handler.reset()

    return reset


def test_a_token_that_is_not_accepted_is_said_and_not_shown(hub: OwnHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_" + "wrongtoken0123456789")
    with pytest.raises(MftError, match="the Hub does not accept the token") as caught:
        HubUpload("me/x", "main").look()
    assert "hf auth login" in caught.value.hint
    assert "wrongtoken" not in str(caught.value)


def test_a_token_that_may_not_write_is_said(hub: OwnHub) -> None:
    hub.plan = {"/api/repos/create": lambda handler: handler.fail(403, "You don't have the rights")}
    with pytest.raises(MftError, match=r"may not write there .status 403: You don't have the rights") as caught:
        push(hub)
    assert "right to write" in caught.value.hint
    assert hub.repositories == {}


def test_who_pushed_meanwhile_is_not_overwritten(hub: OwnHub) -> None:
    push(hub)
    upload = HubUpload("me/x", "main")
    before = upload.look()
    push(hub, {"other.txt": b"1"})
    with pytest.raises(MftError, match="somebody else has pushed meanwhile"):
        upload.push(before, FILES, private=True, message="m")
    assert contents(hub) == {"other.txt": b"1"}


def test_without_a_token_nothing_is_asked(hub: OwnHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))
    monkeypatch.setattr("huggingface_hub.constants.HF_STORED_TOKENS_PATH", str(tmp_path / "none2"))
    with pytest.raises(UsageError, match="no token is there"):
        HubUpload("me/x", "main")
    assert hub.requests == []


@pytest.mark.parametrize("name", ["x", "a/b/c", "a b/c", "/x", ""])
def test_names_that_none_can_have(name: str) -> None:
    with pytest.raises(UsageError, match=r"Names look like ORG/NAME|does not say whose"):
        check_name(name)
