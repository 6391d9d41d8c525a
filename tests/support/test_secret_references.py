from __future__ import annotations

from typing import Any

import pytest

from mft_core.errors import UsageError
from mft_core.support.secret_references import refuse_literal_secrets, resolved


def test_references_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TOKEN", "swordfish-1234")
    options = {"token": "env:HUB_TOKEN", "more": [{"also": "env:HUB_TOKEN"}], "text": "env: HUB", "number": 1}
    assert resolved(options, "[loss]") == {
        "token": "swordfish-1234",
        "more": [{"also": "swordfish-1234"}],
        "text": "env: HUB",
        "number": 1,
    }


@pytest.mark.parametrize("name", ["UNSET_TOKEN", "HOME"])
def test_a_reference_to_nothing_or_to_no_secret_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=rf"\[loss\] token = 'env:{name}'.*{name}"):
        resolved({"token": f"env:{name}"}, "[loss]")


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"data": {"source": {"url": "https://me:secret@host"}}}, "data.source.url"),
        ({"eval": [{"header": "Bearer 0123456789abcdef"}]}, "eval.0.header"),
        ({"loss": {"api_key": "hunter"}}, "loss.api_key"),
        ({"loss": {"words": "say swordfish-1234"}}, "loss.words"),
    ],
)
def test_a_secret_in_plain_is_refused_and_not_repeated(
    values: dict[str, Any], key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_TOKEN", "swordfish-1234")
    with pytest.raises(UsageError) as caught:
        refuse_literal_secrets(values, "recipe.toml")
    assert caught.value.message.startswith(f"recipe.toml: {key} holds a secret")
    assert ("env:HUB_TOKEN" if "words" in key else "env:MY_SECRET_KEY") in caught.value.hint
    assert not any(secret in str(caught.value) for secret in ("swordfish", "me:secret", "0123456789", "hunter"))


def test_what_only_sounds_like_a_secret_stays() -> None:
    values = {"judge": {"key_variable": "OPENAI_API_KEY", "end_token": "<eos>", "max_tokens": 8, "api_key": ""}}
    refuse_literal_secrets({**values, "also": {"api_key": "env:MY_API_KEY"}}, "recipe.toml")
