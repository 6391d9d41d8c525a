"""Compressed files: whole, cut short, misnamed, and those that expand without end."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from mft_core.data import compression
from mft_core.data.compression import BLOCK, blocks, uncompressed_name
from mft_core.errors import MftError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

WAYS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd.compress,
}
CONTENT = b"".join(b"line %d, %d\n" % (number, number * 7919 % 10007) for number in range(100_000))


@cache
def compressed(suffix: str) -> bytes:
    return WAYS[suffix](CONTENT)


@pytest.mark.parametrize("suffix", WAYS)
def test_whole_files_of_one_part_or_several(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.jsonl{suffix.upper()}"
    path.write_bytes(compressed(suffix) + WAYS[suffix](b"more"))
    read = list(blocks(path))
    assert b"".join(read) == CONTENT + b"more"
    assert max(map(len, read)) <= BLOCK
    assert uncompressed_name(path.name) == "a.jsonl"


@pytest.mark.parametrize("suffix", WAYS)
def test_a_file_that_is_cut_short_is_an_error(tmp_path: Path, suffix: str) -> None:
    path, content = tmp_path / f"a{suffix}", compressed(suffix)
    for kept in (len(content) // 2, len(content) - 3):
        path.write_bytes(content[:kept])
        with pytest.raises(MftError, match="cannot be read") as caught:
            list(blocks(path))
        assert str(path) in caught.value.message


@pytest.mark.parametrize("suffix", WAYS)
def test_a_later_part_whose_beginning_is_damaged_is_an_error(tmp_path: Path, suffix: str) -> None:
    path, parts = tmp_path / f"a{suffix}", [compressed(suffix), WAYS[suffix](b"more")]
    path.write_bytes(parts[0] + b"XXXX" + parts[1][4:])
    with pytest.raises(MftError, match=r"not compressed by|cannot be read"):
        list(blocks(path))


def test_padding_between_the_streams_of_xz_is_none_of_the_data(tmp_path: Path) -> None:
    path = tmp_path / "a.xz"
    path.write_bytes(lzma.compress(b"one ") + bytes(8) + lzma.compress(b"two") + bytes(4))
    assert b"".join(blocks(path)) == b"one two"


@pytest.mark.parametrize("suffix", WAYS)
def test_a_file_that_is_not_compressed_as_it_says_is_an_error(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b'{"prompt": "q", "response": "a"}\n')
    with pytest.raises(MftError, match=r"not compressed by|cannot be read"):
        list(blocks(path))


@pytest.mark.parametrize("suffix", WAYS)
def test_a_bomb_is_stopped(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "MOST_EXPANSION", 100)
    monkeypatch.setattr(compression, "EXPANSION_ALLOWED", 1 << 20)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(WAYS[suffix](bytes(32 << 20)))
    read: list[int] = []
    with pytest.raises(MftError, match="expands to more than 100 times its size"):
        read.extend(len(block) for block in blocks(path))
    assert sum(read) <= max(1 << 20, 100 * path.stat().st_size)


def test_a_plain_file_may_have_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "MOST_EXPANSION", 0)
    monkeypatch.setattr(compression, "EXPANSION_ALLOWED", 10)
    path = tmp_path / "a.jsonl"
    path.write_bytes(CONTENT)
    assert b"".join(blocks(path)) == CONTENT
