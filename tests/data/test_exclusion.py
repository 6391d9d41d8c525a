from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.token_data import answers, one_task, pair
from mft_core.data.record_forms import content_digest, parse_record
from mft_core.errors import MftError, UsageError


def digest(number: int) -> int:
    return int.from_bytes(content_digest(parse_record(pair(number), "")), "little")


def audit(folder: Path, *places: int) -> str:
    """Of the file that `one_task` writes of `pair(0)` and so on."""
    file = str(folder / "t" / "train.jsonl")
    rows = [
        {"file": file, "place": place, "digest": digest(place - 1), "origin": f"{file}:{place}", "reason": "repeats"}
        for place in places
    ]
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


def test_a_file_that_has_changed_since_is_not_trained_on_by_halves(tmp_path: Path) -> None:
    path = audit(tmp_path, 2, 5)
    with pytest.raises(MftError, match=r"train\.jsonl:2 is another record"):
        one_task(tmp_path, [pair(number) for number in (9, 0, 1, 2, 3, 4, 5)], exclude=path)
    (task,) = one_task(tmp_path, [pair(number) for number in (0, 1, 2, 3, 4, 5, 6, 7, 8)], exclude=path)
    assert task.report.excluded == 2, "what was added at the end changes nothing"


def test_digests_are_kept_whole(tmp_path: Path) -> None:
    (task,) = one_task(tmp_path, [pair(number) for number in range(4)], valid=[pair(20)])
    assert task.train.entry.digests.tolist() == [digest(number) for number in range(4)]


def test_files_that_are_elsewhere_now_are_named(tmp_path: Path) -> None:
    (tmp_path / "moved").mkdir()
    path = audit(tmp_path / "moved", 2)
    with pytest.raises(UsageError, match=r"none of the files .* is there, such as .*moved"):
        one_task(tmp_path, [pair(number) for number in range(4)], exclude=path)


@pytest.mark.parametrize("content", ["", "[]", '{"exclude": [{}]}', "[" * 100_000])
def test_what_is_no_audit_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "audit.json").write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=r"data\.exclude: .*audit\.json"):
        one_task(tmp_path, [pair(1)], exclude=str(tmp_path / "audit.json"))
