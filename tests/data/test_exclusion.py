from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.token_data import answers, one_task, pair
from mft_core.errors import UsageError


def audit(folder: Path, *places: int) -> str:
    file = str(folder / "t" / "train.jsonl")
    rows = [{"file": file, "place": place, "origin": f"{file}:{place}", "reason": "repeats"} for place in places]
    path = folder / "audit.json"
    path.write_text(json.dumps({"format": 1, "exclude": rows}), encoding="utf-8")
    return str(path)


def test_records_are_left_out_and_counted(tmp_path: Path) -> None:
    records = [pair(number) for number in range(8)]
    (whole,) = one_task(tmp_path, records, valid=[pair(20)])
    (less,) = one_task(tmp_path, records, valid=[pair(20)], exclude=audit(tmp_path, 2, 5, 99))
    kept = [answer for number, answer in enumerate(answers(whole.train), 1) if number not in (2, 5)]
    assert answers(less.train) == kept
    assert (less.report.excluded, less.report.read, less.report.train, len(less.valid)) == (2, 9, 6, 1)
    assert less.train.entry.folder == whole.train.entry.folder, "nothing is tokenised anew"


def test_without_validation_files_it_is_left_out_of_both_sides(tmp_path: Path) -> None:
    records = [pair(number) for number in range(20)]
    (task,) = one_task(tmp_path, records, valid_fraction=0.5, exclude=audit(tmp_path, *range(1, 11)))
    assert (task.report.excluded, len(task.train) + len(task.valid)) == (10, 10)


@pytest.mark.parametrize("content", ["", "[]", '{"exclude": [{}]}', "[" * 100_000])
def test_what_is_no_audit_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "audit.json").write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=r"data\.exclude: .*audit\.json"):
        one_task(tmp_path, [pair(1)], exclude=str(tmp_path / "audit.json"))
