from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest

from mft_core.data import jsonl
from mft_core.data.jsonl import BLOCK, inspect_file, read_lines
from mft_core.errors import MftError


def written(folder: Path, content: bytes, name: str = "train.jsonl") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


@pytest.mark.parametrize("name", ["train.jsonl", "train.jsonl.gz"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_lines_have_the_numbers_an_editor_shows(tmp_path: Path, name: str, mark: bytes) -> None:
    path = written(tmp_path, mark + b"one\r\n\n  \ntwo\xe2\x80\xa8still two\nthree", name)
    assert list(read_lines(path)) == [(1, b"one"), (4, b"two\xe2\x80\xa8still two"), (5, b"three")]


def test_lines_longer_than_a_block(tmp_path: Path) -> None:
    long = b"x" * (2 * BLOCK + 7)
    path = written(tmp_path, b"a\n" + long + b"\nb\n")
    assert [(number, len(line)) for number, line in read_lines(path)] == [(1, 1), (2, len(long)), (3, 1)]


@pytest.mark.parametrize("name", ["train.jsonl", "train.jsonl.gz"])
@pytest.mark.parametrize("filling", [b"x", b" "])
def test_of_a_giant_line_no_more_than_its_beginning_is_held(
    tmp_path: Path, name: str, filling: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "LONGEST_LINE", 2 * BLOCK)
    giant = filling * (20 * BLOCK)
    path = written(tmp_path, b"a\n" + giant + b"\n" + giant[: 2 * BLOCK - 1] + b"b\nc\n" + giant, name)
    tracemalloc.start()
    lines = [(number, len(line)) for number, line in read_lines(path)]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    whole = 2 * BLOCK if filling == b"x" else 1
    assert lines == [(1, 1), (2, 2 * BLOCK + 1), (3, whole), (4, 1), (5, 2 * BLOCK + 1)]
    assert most < 12 * BLOCK


def test_gzip_and_plain_have_the_same_content(tmp_path: Path) -> None:
    plain, packed = (written(tmp_path, b'{"a": 1}\n', name) for name in ("a.jsonl", "a.jsonl.gz"))
    assert inspect_file(plain) == inspect_file(packed)
    assert inspect_file(plain).size == 9
    assert inspect_file(plain).digest != inspect_file(written(tmp_path, b'{"a": 2}\n', "b.jsonl")).digest


TEXT = '{"prompt": "二分查找", "response": "实现"}\n'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (TEXT.encode("utf-16"), "UTF-16"),
        (TEXT.encode("utf-16-le"), "UTF-16"),
        (TEXT.encode("gbk") * 3, "GBK"),
        (b'{"a": 1}\n' + TEXT.encode("gbk"), "GBK"),
        (b'[\n{"prompt": "q"}\n]', "one JSON array"),
    ],
)
def test_what_is_not_json_lines_in_utf8_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(MftError, match=words) as caught:
        inspect_file(path)
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_one_broken_line_does_not_make_another_encoding(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT.encode() + b'{"prompt": "\xff"}\n')
    assert inspect_file(path).size > 0


def test_a_broken_archive_and_a_missing_file_are_named(tmp_path: Path) -> None:
    whole = gzip.compress(b"x\n" * 5000)
    torn = tmp_path / "torn.jsonl.gz"
    torn.write_bytes(whole[: len(whole) // 2])
    for path in (torn, tmp_path / "absent.jsonl"):
        with pytest.raises(MftError, match=path.name):
            inspect_file(path)
