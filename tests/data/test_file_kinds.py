from __future__ import annotations

import pytest

from mft_core.data.file_kinds import kind


@pytest.mark.parametrize(
    ("stem", "beside", "expected"),
    [
        ("train", [], "train"),
        ("train-00001-of-00002", [], "train"),
        ("Validation.small", [], "validation"),
        ("test_cases_1", [], "test"),
        ("testing", [], ""),
        ("unit_test", [], ""),
        ("unit_test", ["unit_train"], "test"),
        ("unit_test", ["other_train", "unit_valid"], ""),
        ("sql_train", ["sql_dev"], "train"),
        ("sql_train", [], ""),
        ("sql_dev", ["sql_train"], "dev"),
        ("2024", [], ""),
        ("验证", [], ""),
        ("donne\u0301es_valid", ["donn\u00e9es_train"], "valid"),
        ("donn\u00e9es_train", ["donne\u0301es_valid"], "train"),
        ("हिन्दी_valid", ["हिन्दी_train"], "valid"),
        ("हिन्दी_valid", ["हिन्दा_train"], ""),
    ],
)
def test_words_count_and_not_the_letters_of_longer_ones(stem: str, beside: list[str], expected: str) -> None:
    assert kind(stem, [stem, *beside]) == expected
