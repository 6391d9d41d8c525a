"""JSON files that were cut short are named, absent ones are empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.errors import MftError
from mft_core.support.json_files import read_object


def test_an_object_is_read_and_no_file_is_an_empty_one(tmp_path: Path) -> None:
    assert read_object(tmp_path / "absent.json") == {}
    (tmp_path / "one.json").write_bytes('{"name": "é"}'.encode())
    assert read_object(tmp_path / "one.json") == {"name": "é"}


@pytest.mark.parametrize("content", [b"", b'{"a": ', b"[]", b"null", b'{"a": "\xe9"}', b'{"a":' * 100_000])
def test_anything_else_is_named_with_what_to_do(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "torn.json").write_bytes(content)
    with pytest.raises(MftError, match=r"torn\.json is no (valid JSON: |JSON object)") as caught:
        read_object(tmp_path / "torn.json")
    assert "where the model was published" in caught.value.hint
