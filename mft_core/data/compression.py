"""Files as streams of bytes, decompressed on the way where their name says that they are compressed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, cast

from mft_core.errors import MftError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BLOCK = 1 << 20
PROGRAMS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
"""Suffixes of compressed files, and what compresses so."""

MOST_EXPANSION = 1000
EXPANSION_ALLOWED = 1 << 30
"""Bytes that any file may become; beyond them it is a bomb if it grew more than `MOST_EXPANSION` times."""


def compression(path: Path) -> str:
    """The suffix that says that the file is compressed, in lower case; "": it is not."""
    suffix = path.suffix.lower()
    return suffix if suffix in PROGRAMS else ""


def uncompressed_name(name: str) -> str:
    """The file's name without such a suffix."""
    return Path(name).stem if compression(Path(name)) else name


def blocks(path: Path) -> Iterator[bytes]:
    """The file's bytes, decompressed, at most `BLOCK` at a time.

    Raises:
        MftError: it cannot be read, is cut short, is not compressed as its name says, or expands without end.
    """
    program, read = PROGRAMS.get(compression(path), ""), 0
    try:
        allowed = max(EXPANSION_ALLOWED, MOST_EXPANSION * path.stat().st_size)
        for block in _decompressed(path):
            read += len(block)
            if program and read > allowed:
                raise MftError(
                    f"{path} expands to more than {MOST_EXPANSION} times its size.",
                    "Nobody's data does: it looks like a compression bomb. If it is none, decompress it first.",
                )
            yield block
    except (gzip.BadGzipFile, lzma.LZMAError, zstd.ZstdError) as error:
        hint = f"Name it without {path.suffix}, or compress it; if it is compressed, it is damaged: copy it again."
        raise MftError(f"{path} is not compressed by {program}: {error}", hint) from error
    except (OSError, EOFError, zlib.error) as error:
        raise MftError(f"{path} cannot be read: {error}", "Check that the file is there and complete.") from error


def _decompressed(path: Path) -> Iterator[bytes]:
    match compression(path):
        case ".bz2":
            yield from _streams(path, bz2.BZ2Decompressor)
        case ".xz":
            yield from _streams(path, lzma.LZMADecompressor)
        case _:
            with _open(path) as stream:
                while block := stream.read(BLOCK):
                    yield block


def _open(path: Path) -> IO[bytes]:
    match compression(path):
        case ".gz":
            return gzip.open(path, "rb")  # type: ignore[return-value]
        case ".zst":
            return cast("IO[bytes]", zstd.open(path, "rb"))
    return path.open("rb")


def _streams(path: Path, begin: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor]) -> Iterator[bytes]:
    """Every stream of a file: the libraries' own files take a later one whose beginning is damaged for the end."""
    with path.open("rb") as file:
        given, decompressor = file.read(BLOCK), begin()
        while True:
            if block := decompressor.decompress(given, BLOCK):
                yield block
            given = b""
            if decompressor.eof:
                given = decompressor.unused_data
                while not (given := given.lstrip(b"\0")):  # streams of xz may have padding between them
                    if not (given := file.read(BLOCK)):
                        return
                decompressor = begin()
            elif decompressor.needs_input and not (given := file.read(BLOCK)):
                raise EOFError("it ends before its compressed data does")
