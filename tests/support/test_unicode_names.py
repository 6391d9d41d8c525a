"""Names in the forms in which they are typed and stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.support.unicode_names import as_on_disk, composed, strange_character

ONE, OTHER = "caf\u00e9", "cafe\u0301"


def test_forms_of_one_name_are_equal() -> None:
    assert composed(OTHER) == composed(ONE) == ONE
    assert composed("한") == "한"
    assert composed("a\udcff") == "a\udcff"  # a byte of a file's name that is no UTF-8


def test_what_no_word_holds_is_found() -> None:
    assert strange_character("") == strange_character("हिन्दी-v1.2_x") == ""
    assert strange_character("a b/c") == " "
    assert strange_character("\u0301a") == "\u0301"


@pytest.mark.parametrize(("stored", "typed"), [(ONE, OTHER), (OTHER, ONE)])
def test_a_path_is_found_in_the_form_it_is_stored_in(stored: str, typed: str, tmp_path: Path) -> None:
    (tmp_path / stored / "deep").mkdir(parents=True)
    assert as_on_disk(tmp_path / typed / "deep") == tmp_path / stored / "deep"
    assert as_on_disk(tmp_path / typed / "*.jsonl") == tmp_path / stored / "*.jsonl"
    assert as_on_disk(tmp_path / "th\u00e9" / "x") == tmp_path / "th\u00e9" / "x"


def test_a_path_that_is_there_is_taken_as_it_is(tmp_path: Path) -> None:
    for name in (ONE, OTHER):
        (tmp_path / name).mkdir()
        assert as_on_disk(tmp_path / name) == tmp_path / name
    assert as_on_disk(Path()) == Path()
