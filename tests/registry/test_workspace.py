from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.errors import UsageError
from mft_core.registry.workspace import Workspace


def workspace(folder: Path, text: str) -> Workspace:
    (folder / "plugins.toml").write_text(text, encoding="utf-8")
    return Workspace.find(folder)


def test_the_nearest_file_counts(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert Workspace.find(inner).path is None
    workspace(tmp_path, 'disabled = ["outer"]')
    assert Workspace.find(inner).disabled == {"outer"}
    workspace(tmp_path / "a", 'disabled = ["inner"]')
    assert Workspace.find(inner).disabled == {"inner"}
    assert Workspace.find(inner).path == tmp_path / "a" / "plugins.toml"


def test_everything_is_read(tmp_path: Path) -> None:
    found = workspace(
        tmp_path,
        """
        disabled = ["x", "y"]
        [pin]
        acme = ">=1"
        [prefer]
        "loss.famo" = "acme"
        [local]
        mine = "./sub/mine.py"
        [defaults.train]
        seed = 3
        """,
    )
    assert found.disabled == {"x", "y"}
    assert found.pin == {"acme": ">=1"}
    assert found.prefer == {"loss.famo": "acme"}
    assert found.local == {"mine": tmp_path / "sub" / "mine.py"}
    assert found.defaults == {"train": {"seed": 3}}


def test_prefer_without_quotes_means_the_same(tmp_path: Path) -> None:
    assert workspace(tmp_path, '[prefer]\nloss.famo = "acme"').prefer == {"loss.famo": "acme"}


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    assert workspace(tmp_path, '\ufeffdisabled = ["x"]').disabled == {"x"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('disable = ["x"]', "Did you mean 'disabled'"),
        ("disabled = [", "is not valid TOML"),
        ('disabled = "x"', "list of plugin ids"),
        ("disabled = [1]", "list of plugin ids"),
        ('pin = "x"', "'pin' is a table"),
        ("[pin]\nacme = 1", "[pin] acme = 1 is not a string"),
        ('[prefer]\n"los.famo" = "acme"', "Did you mean 'loss'"),
        ('[prefer]\nfamo = "acme"', "not KIND.NAME"),
        ("[defaults]\nseed = 1", "[defaults.train]"),
    ],
)
def test_what_has_no_meaning_is_an_error_naming_the_file(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        workspace(tmp_path, text)
    assert expected in str(caught.value)
    assert str(tmp_path / "plugins.toml") in caught.value.message


@pytest.mark.parametrize(
    ("pin", "version", "admitted"),
    [
        (">=1.2,<2", "1.9", True),
        (">=1.2,<2", "2.0", False),
        ("==1.4.*", "1.4.2rc1", True),
        (">=1", "local", False),
    ],
)
def test_pins(tmp_path: Path, pin: str, version: str, admitted: bool) -> None:
    found = workspace(tmp_path, f'[pin]\nacme = "{pin}"')
    assert found.admits("acme", version) is admitted
    assert found.admits("other", version)


def test_a_pin_that_is_no_specifier(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="acme = 'newest' is not a version specifier"):
        workspace(tmp_path, '[pin]\nacme = "newest"').admits("acme", "1.0")
