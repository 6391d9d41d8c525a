"""JSON documents: what is a record in them, where it stands, and what is wrong with those that are none."""

from __future__ import annotations

import gzip
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.token_data import pair, prepare
from mft_core.data.reader import place_in_words
from mft_core.errors import MftError
from mft_core.records import TaskFiles
from mft_readers.json_documents import LONG_LINE, JsonDocuments
from mft_readers.json_stream import MOST_OF_A_VALUE

READER = JsonDocuments()
DECODER = json.JSONDecoder(parse_int=lambda digits: int(digits) if len(digits) < 20 else "long")
RECORDS = [pair(number) for number in range(3)]
LONG = pair(3) | {"response": "long " * (LONG_LINE // 4)}
TURNS = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path) -> list[tuple[str, Any]]:
    form = READER.place_form(path)
    return [
        (place_in_words(form, record.place), DECODER.decode(record.text.decode())) for record in READER.records(path)
    ]


INDICES = [(f"[{number}]", record) for number, record in enumerate(RECORDS)]
DOCUMENTS: dict[str, tuple[str, list[tuple[str, Any]]]] = {
    "array": (json.dumps(RECORDS), INDICES),
    "indented": (json.dumps(RECORDS, indent=4), INDICES),
    "byte order mark": ("\ufeff" + json.dumps(RECORDS), INDICES),
    "under a key": (json.dumps({"version": 1, "data": RECORDS, "license": "MIT"}, indent=1), INDICES),
    "other lists beside": (json.dumps({"tags": ["a", "b"], "none": [], "rows": RECORDS}), INDICES),
    "one record": (json.dumps(RECORDS[0], indent=2), [("[0]", RECORDS[0])]),
    "one record of turns": (json.dumps({"messages": TURNS}, indent=2), [("[0]", {"messages": TURNS})]),
    "lines": ("\n".join(map(json.dumps, RECORDS)), [(f":{number}", row) for number, row in enumerate(RECORDS, 1)]),
    "lines of other keys": ('\n{"a": 1}\n\n{"a": 2}\n', [(":2", {"a": 1}), (":4", {"a": 2})]),
    "arrays of turns": (json.dumps([TURNS, TURNS]), [("[0]", TURNS), ("[1]", TURNS)]),
    "turns": (json.dumps(TURNS, indent=1), [("[0]", {"messages": TURNS})]),
    "all on one long line": (json.dumps({"data": [*RECORDS, LONG]}), [*INDICES, ("[3]", LONG)]),
    "a long line and another": (f"\n{json.dumps(LONG)} \n\n{json.dumps(LONG)}", [(":2", LONG), (":4", LONG)]),
    "a long line and its end": (f'{{"data": [{json.dumps(LONG)}]\n}}', [("[0]", LONG)]),
    "a long record": (json.dumps(LONG), [("[0]", LONG)]),
    "no record": ("[]", []),
    "nothing": (" \n", []),
    "long numbers": (f'[{{"n": {"9" * 5000}}}, {{"n": 1}}]', [("[0]", {"n": "long"}), ("[1]", {"n": 1})]),
    "letters": ('[{"text": "\\u00e9\u00e9\\ud83d\\ude00"}]', [("[0]", {"text": "éé😀"})]),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_records_of_a_document(tmp_path: Path, name: str) -> None:
    content, expected = DOCUMENTS[name]
    assert read(write(tmp_path / "a.json", content)) == expected
    assert read(write(tmp_path / "a.json.gz", gzip.compress(content.encode()))) == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[{"a": 1}, {"a": 2}', r"a\.json\[1\] is not whole JSON: expected ,, found the end"),
        ('[{"a": 1}, {"a": ', r"a\.json\[1\] is not whole JSON: Expecting value"),
        ('[{"a": 1}, {"a": "cut', r"a\.json\[1\] is not whole JSON: Unterminated string"),
        ('[{"a": 1} {"a": 2}]', r"expected ,, found \{"),
        ('[{"a": 1}] [{"a": 2}]', "something behind the end"),
        ('[{"a": 1}, {a: 2}]', r"a\.json\[1\] is not whole JSON: Expecting property name .*\(character 12\)"),
        ('"text"', "neither an array nor an object"),
        ('{"a": 1}', r"a\.json is JSON, but an object without records"),
        ('{"a": [{"b": 1}], "c": [{"d": 1}]}', r"a\.json is JSON, but 'a' and 'c' in it are lists of objects"),
        ('{"rows":\n[{"text": 1}], "text": "x"}', "it is a record, and 'rows' in it may be records too"),
        ('[{"a": "' + "\0" + '"}]', "Invalid control character"),
        (b'[{"a": "\xff"}]', "not UTF-8"),
    ],
)
def test_what_is_no_document_is_an_error_with_its_place(tmp_path: Path, content: str | bytes, words: str) -> None:
    path = write(tmp_path / "a.json", content)
    with pytest.raises(MftError, match=words) as caught:
        list(READER.records(path))
    assert str(path) in caught.value.message
    assert not READER.recognises(path) or content[0] in '[{"'


@pytest.mark.parametrize("begin", ["[", '[{"a": '], ids=["lists", "in a record"])
def test_deep_nesting_is_named_whatever_the_stack_takes(tmp_path: Path, begin: str) -> None:
    path = write(tmp_path / "a.json", begin + "[" * 10_000 + "]" * 10_000 + ("]" if begin == "[" else "}]"))
    limit = sys.getrecursionlimit()  # some libraries raise it: then the value is parsed, and refused as a record
    try:
        for deepest in (1000, 100_000):
            sys.setrecursionlimit(deepest)
            with pytest.raises(MftError, match="nested too deep"):
                prepare([TaskFiles("t", (path,))], tmp_path / "cache")
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize(
    "content", [json.dumps(RECORDS).encode("utf-16"), gzip.compress(b"[]"), b"PAR1", b"\0" * 100], ids=range(4)
)
def test_what_is_no_text_is_named(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(MftError, match="not what its name says"):
        READER.inspect(write(tmp_path / "a.json", content))


def test_a_mistake_in_the_middle_does_not_take_in_the_rest(tmp_path: Path) -> None:
    rest = json.dumps([{"text": "x" * 1000}] * 30_000)[1:]
    path = write(tmp_path / "a.json", f'[{{"text": "y"}}, {{"text" "z"}}, {rest}')
    records = READER.records(path)
    assert json.loads(next(records).text) == {"text": "y"}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(MftError, match="Expecting ':' delimiter"):
        next(records)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 << 10


MEASURE = """
import resource, sys
from pathlib import Path
from mft_readers.json_documents import JsonDocuments
reader, path = JsonDocuments(), Path(sys.argv[1])
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
reader.inspect(path), reader.place_form(path), reader.recognises(path)
try:
    print(sum(1 for _ in reader.records(path)))
except Exception as error:
    print(type(error).__name__, error.message)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) // 1024)
"""


def measured(path: Path) -> tuple[str, int]:
    """What became of a file, and by how many MiB reading it raised the peak of a process's memory."""
    program = [sys.executable, "-c", MEASURE, str(path)]
    said, mebibytes = subprocess.run(program, capture_output=True, text=True, check=True).stdout.splitlines()
    return said, int(mebibytes)


@pytest.mark.slow
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"version": "1", "data": [', "]}")])
def test_a_large_array_is_streamed(tmp_path: Path, opening: str, closing: str) -> None:
    path, row = tmp_path / "a.json", json.dumps({"prompt": "q" * 400, "response": "é" * 1000})
    with path.open("w", encoding="utf-8") as stream:  # all on one line
        stream.write(opening + row + ("," + row) * 32_000 + closing)
    assert path.stat().st_size > 200_000_000
    said, mebibytes = measured(path)
    assert said == "32001"
    assert mebibytes < 60


@pytest.mark.slow
@pytest.mark.parametrize("begin", ['[{"text": "', '{"a": {"text": "'], ids=["in an array", "in an object"])
def test_a_value_that_is_far_too_long_is_an_error_and_not_held(tmp_path: Path, begin: str) -> None:
    path = tmp_path / "a.json"
    with path.open("w", encoding="utf-8") as stream:
        stream.write(begin)
        for _ in range(150):
            stream.write("x" * (1 << 20))
    said, mebibytes = measured(path)
    assert f"a value of more than {MOST_OF_A_VALUE:,} characters" in said
    assert mebibytes < 500
