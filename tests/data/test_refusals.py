"""What is said of tasks that cannot be trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.token_data import one_task, pair
from mft_core.errors import MftError


def test_an_empty_training_file_is_named_whatever_validates(tmp_path: Path) -> None:
    with pytest.raises(MftError) as caught:
        one_task(tmp_path, [], valid=[pair(number) for number in range(20)])
    assert "has no usable training record: 0 in" in caught.value.message
    assert ".jsonl (empty)" in caught.value.message
    assert "20" not in caught.value.message.replace(str(tmp_path), "")
    assert "max_length" not in caught.value.hint


def test_over_long_training_records_are_counted_without_those_that_validate(tmp_path: Path) -> None:
    with pytest.raises(MftError) as caught:
        one_task(tmp_path, [pair(number, 90) for number in range(3)], valid=[pair(1), pair(2, 90)], max_length=20)
    assert "3 in " in caught.value.message
    assert "(3 over-long)" in caught.value.message
    assert "raise data.max_length (now 20), or see data.overlong" in caught.value.hint
    with pytest.raises(MftError) as caught:
        one_task(tmp_path, [pair(number, 90) for number in range(3)], max_length=20, overlong="split")
    assert caught.value.hint.endswith("raise data.max_length (now 20); data.overlong splits plain text alone.")


def test_where_no_form_is_known_columns_are_named(tmp_path: Path) -> None:
    odd = [{"ask": f"{number}", "sql": "select"} for number in range(20)]
    with pytest.raises(MftError) as caught:
        one_task(tmp_path, odd)
    assert 'data.columns (or columns of the task), such as {prompt = "ask", response = "sql"}' in caught.value.hint
    with pytest.raises(MftError) as caught:
        one_task(tmp_path, [*odd, {"prompt": "a"}])
    assert "data.columns" not in caught.value.hint
