from __future__ import annotations

import pytest

from mft_core.support.redact import redact


def test_values_of_secret_variables_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "swordfish-1234")
    monkeypatch.setenv("MY_NAME", "not-hidden-1234")
    assert redact("a swordfish-1234 b not-hidden-1234") == "a [redacted] b not-hidden-1234"


def test_a_short_value_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    assert redact("this is false") == "this is false"


def test_a_secret_inside_another_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "swordfish")
    monkeypatch.setenv("B_SECRET", "swordfish-long")
    assert redact("x swordfish-long y") == "x [redacted] y"


@pytest.mark.parametrize("secret", ["sk-abcdefghijklmnop1234", "hf_abcdefghijklmnopqrst"])
def test_keys_are_known_by_their_form(secret: str) -> None:
    assert redact(f"401 for {secret}.") == "401 for [redacted]."


def test_ordinary_words_stay() -> None:
    assert redact("task-sk-1 and hf_home and risk-averse-optimization-of") == (
        "task-sk-1 and hf_home and risk-averse-optimization-of"
    )
