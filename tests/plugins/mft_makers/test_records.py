from __future__ import annotations

from pathlib import Path

import pytest

from helpers.running import write_rows
from mft_core.data.readers import installed_readers
from mft_core.errors import MftError
from mft_makers.records import instructions
from mft_makers.tally import Tally


def read(path: Path, tally: Tally) -> list[str]:
    return list(instructions(str(path), installed_readers(), tally))


def test_records_of_any_form_are_read_and_others_counted(tmp_path: Path) -> None:
    rows = [
        {"prompt": "one", "response": "a"},
        {"messages": [{"role": "user", "content": " two "}, {"role": "assistant", "content": "b"}]},
        {"prompt": "one", "response": "another answer"},
        {"text": "a document"},
        {"prompt": "", "response": "c"},
    ]
    path, tally = write_rows(tmp_path / "a.jsonl", rows), Tally()
    with path.open("a", encoding="utf-8") as stream:
        stream.write("{\n")
    assert read(path, tally) == ["one", "two"]
    assert tally.counts() == {"record: bad JSON": 1, "record: no instruction": 2}


def test_a_folder_is_read_without_its_validation_and_test_files(tmp_path: Path) -> None:
    for name in ("train", "valid", "test"):
        write_rows(tmp_path / f"{name}.jsonl", [{"prompt": name, "response": "a"}])
    assert read(tmp_path, Tally()) == ["train"]
    assert read(tmp_path / "t*.jsonl", Tally()) == ["train"]


def test_what_holds_no_instruction_is_named_with_the_reasons(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.jsonl", [{"text": "a document"}] * 2)
    with pytest.raises(MftError, match=r"a\.jsonl holds no instruction: record: no instruction \(2\)"):
        read(path, Tally())
    with pytest.raises(MftError, match=r"no training file at .*nothing\.jsonl"):
        read(tmp_path / "nothing.jsonl", Tally())
