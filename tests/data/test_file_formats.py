"""Files that are not JSON Lines are called what they are, and the advice is right for them."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path

import pytest

from helpers.token_data import pair, prepare
from mft_core.data.file_formats import refuse_other_format
from mft_core.errors import MftError
from mft_core.records import TaskFiles

TURNS = json.dumps([{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]).encode() + b"\n"
RECORD = b'{"prompt": "q", "response": "a"}\n'


@pytest.mark.parametrize(
    ("content", "what", "advice"),
    [
        (b"PAR1\x15\x04\x15\x00\x00\x00PAR1", "Parquet", "read_parquet('t.jsonl')"),
        (gzip.compress(RECORD, mtime=0), "gzip", "mv t.jsonl t.jsonl.gz"),
        (b"PK\x03\x04\x14\x00\x00", "ZIP", "unzip t.jsonl"),
        (b"SQLite format 3\x00\x10\x00", "SQLite", "sqlite3"),
        (b"ARROW1\x00\x00", "Arrow file", "read_feather"),
        (b"\xff\xff\xff\xff\x10\x02\x00\x00", "Arrow stream", "Dataset.from_file"),
        (lzma.compress(RECORD), "xz", "xz -dc t.jsonl"),
        (b"BZh91AY", "bzip2", "bzip2 -dc"),
        (b"\x28\xb5\x2f\xfd\x04", "zstd", "zstd -dc"),
        (b"\x00" * 4096, "NUL bytes", "anew"),
        ("é: naïve".encode("utf-32"), "UTF-32", "iconv -f UTF-32"),
        (RECORD.decode().encode("utf-16-be"), "UTF-16", "iconv -f UTF-16BE"),
        (b"prompt,response\nq,a\nq2,a2\n", "CSV", "read_csv('t.jsonl', sep=',')"),
        (b"prompt\tresponse\nq\ta\n", "CSV", r"sep='\t'"),
        (TURNS * 3, "lines of arrays", "{messages: .}"),
        (TURNS, "lines of arrays", "{messages: .}"),
        (b'["q", "a"]\n["q2", "a2"]\n', "lines of arrays", "{prompt: .[0], response: .[1]}"),
        (b"[" + RECORD.strip() + b"]", "one JSON array", "jq -c '.[]' t.jsonl"),
        (b"[" + TURNS.strip() + b", " + TURNS.strip() + b"]", "one JSON array", "jq -c '.[] | {messages: .}' t.jsonl"),
        (b"[\n  [\n    " + RECORD + b"  ]\n]", "one JSON array", "jq -c '.[] | {messages: .}' t.jsonl"),
        (b'[\n  {\n    "role": "user",\n', "one JSON array", "jq -c '{messages: .}' t.jsonl"),
        (b'{\n  "prompt": "q"\n}\n', "several lines", "jq -c . t.jsonl"),
    ],
)
def test_a_format_is_named_with_advice_that_is_right_for_it(content: bytes, what: str, advice: str) -> None:
    with pytest.raises(MftError) as caught:
        refuse_other_format(Path("folder/t.jsonl"), content, whole=True)
    assert what in caught.value.message
    assert advice in caught.value.hint


@pytest.mark.parametrize(
    "content",
    [
        RECORD,
        RECORD * 6 + b"\x00" * 64,
        b"\x00" * 64 + b"\n" + RECORD,
        b"\xef\xbb\xbf" + RECORD,
        b"",
        b'{"a": "x,y"}\nb,c',
    ],
)
def test_json_lines_with_faults_are_left_to_the_reading_of_lines(content: bytes) -> None:
    refuse_other_format(Path("t.jsonl"), content, whole=True)


def test_all_tasks_that_cannot_be_used_are_named_at_once(tmp_path: Path) -> None:
    good = b"".join(json.dumps(pair(number)).encode() + b"\n" for number in range(4))
    contents = {
        "columns": b"PAR1\x15\x04", "turns": TURNS * 3, "table": b"prompt,response\nq,a\n",
        "crash": RECORD * 6 + b"\x00" * 64, "fine": good, "none": b"",
    }  # fmt: skip
    for name, content in contents.items():
        (tmp_path / f"{name}.jsonl").write_bytes(content)
    files = [TaskFiles(name, (tmp_path / f"{name}.jsonl",)) for name in contents]
    with pytest.raises(MftError) as caught:
        prepare(files, tmp_path / "cache")
    for words in ("Parquet", "lines of arrays", "CSV", "crash.jsonl:7 NUL bytes", "'none' has no usable"):
        assert words in caught.value.message
    assert "fine" not in caught.value.message


def test_an_array_that_is_longer_than_what_is_looked_at_is_told_by_its_beginning() -> None:
    block = b"[" + b", ".join([TURNS.strip()] * 1000)
    with pytest.raises(MftError) as caught:
        refuse_other_format(Path("t.jsonl"), block, whole=False)
    assert "'.[] | {messages: .}'" in caught.value.hint
