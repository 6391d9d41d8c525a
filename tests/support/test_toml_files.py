"""TOML from files and from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mft_core.errors import UsageError
from mft_core.support.toml_files import read_toml, toml_value


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('name = "größe"\n', encoding="utf-8-sig")
    assert read_toml(tmp_path / "a.toml") == {"name": "größe"}


@pytest.mark.parametrize(
    ("content", "said"), [(b"a = = 1\n", "line 1"), (b"a = '\xff'\n", "utf-8"), (None, "cannot read")]
)
def test_what_cannot_be_read_is_wrong_use_that_names_the_file(content: bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=said) as caught:
        read_toml(path)
    assert str(path) in caught.value.message


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-4", 1e-4), ("[1, 'a']", [1, "a"]), ("{x = 1}", {"x": 1}), ("true", True), ("famo", "famo"), ("a b", "a b")],
)
def test_a_word_that_means_nothing_is_itself(text: str, value: Any) -> None:
    assert toml_value(text) == value


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ("[model]\nadapter = qwen\n", 'text needs quotes: adapter = "qwen"'),
        ("path = my tasks/a  # there\n", 'text needs quotes: path = "my tasks/a"'),
        ("a = = 1\n", "https://toml.io"),
        ("a = [1\n", "https://toml.io"),
        ('a = "x\n', "https://toml.io"),
    ],
)
def test_how_to_mend_it(content: str, hint: str, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(content)
    with pytest.raises(UsageError) as caught:
        read_toml(tmp_path / "a.toml")
    assert hint in caught.value.hint


def test_what_is_no_file_may_be_meant_otherwise(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    with pytest.raises(UsageError, match=r"--data .*tasks"):
        read_toml(tmp_path / "tasks")
    with pytest.raises(UsageError, match="mft init"):
        read_toml(tmp_path / "recipe.tml")
    (tmp_path / "recipe.toml").touch()
    with pytest.raises(UsageError, match=r"did you mean .*recipe\.toml\?"):
        read_toml(tmp_path / "recipe.tml")
