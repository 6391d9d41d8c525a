"""What every reader has in common: places and their words, digests, fingerprints."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from mft_core.data.reader import LINE, place_in_words, row_of_group
from mft_core.errors import MftError
from mft_readers.json_lines import JsonLines
from mft_readers.text import PlainText


@pytest.mark.parametrize(
    ("form", "place", "words"),
    [
        (LINE, 7, ":7"),
        ("[{place}]", 0, "[0]"),
        (":{group}/{row}", row_of_group(3, 12), ":3/12"),
        (":{group}/{row}", row_of_group((1 << 22) - 1, (1 << 40) - 1), ":4194303/1099511627775"),
    ],
)
def test_places_in_words(form: str, place: int, words: str) -> None:
    assert place_in_words(form, place) == words
    assert place < 1 << 63  # it is kept as int64


def test_rows_ascend_with_their_groups() -> None:
    places = [row_of_group(group, row) for group in range(3) for row in (0, 1, 1 << 39)]
    assert places == sorted(set(places))


def test_the_digest_is_of_the_bytes_whether_compressed_or_not(tmp_path: Path) -> None:
    content = b'{"prompt": "q", "response": "a"}\n' * 50_000
    plain, packed = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    plain.write_bytes(content)
    packed.write_bytes(gzip.compress(content))
    assert (
        JsonLines().inspect(plain) == JsonLines().inspect(packed) == (hashlib.sha256(content).hexdigest(), len(content))
    )


def test_the_beginning_is_looked_at_before_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"PAR1" + bytes(10))
    with pytest.raises(MftError, match="is a Parquet file"):
        JsonLines().inspect(path)


def test_options_change_the_fingerprint() -> None:
    prints = {PlainText.from_options({"documents": of}).fingerprint for of in ("line", "file", "paragraph")}
    assert len({JsonLines().fingerprint, *prints}) == 4
