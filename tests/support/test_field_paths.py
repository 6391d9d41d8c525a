from __future__ import annotations

from mft_core.support.field_paths import field_path, without_field

NESTED = {"translation": {"en": "cat", "de": "Katze"}, "id": 1}


def test_a_field_in_an_object_is_found_and_left_out() -> None:
    path = field_path(NESTED, "translation.en")
    assert path == ("translation", "en")
    assert without_field(NESTED, path) == {"translation": {"de": "Katze"}, "id": 1}
    assert NESTED["translation"] == {"en": "cat", "de": "Katze"}


def test_a_key_with_a_dot_comes_first() -> None:
    assert field_path({**NESTED, "translation.en": "x"}, "translation.en") == ("translation.en",)
    assert field_path(NESTED, "translation.fr") == ()
