from __future__ import annotations

import pytest

from mft_core.support.column_templates import checked_template, columns_in, filled


def test_braces_hold_columns_and_doubled_ones_stand_for_themselves() -> None:
    text = "{{a}} {b c}\n{d}{d}"
    assert checked_template(text) == text
    assert columns_in(text) == ["b c", "d", "d"]
    assert filled(text, {"b c": "{x}", "d": "1"}.__getitem__) == "{a} {x}\n11"
    assert columns_in("question") == ["question"]


@pytest.mark.parametrize("text", ["", " ", "{", "a}", "{a", "{}", "{{a}}", "{a}}"])
def test_what_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"brace|column"):
        checked_template(text)
