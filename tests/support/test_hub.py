"""What the Hub's client raises, said for users."""

from __future__ import annotations

import pytest
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from mft_core.errors import MftError
from mft_core.support.hub import hub_errors


def made(kind: type[Exception]) -> Exception:
    """An error of the client, without the answer of a server that it was made of."""
    error = kind.__new__(kind)
    Exception.__init__(error, "something")
    return error


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (HFValidationError, "'org/name' cannot be a repository"),
        (GatedRepoError, "org/name is gated"),
        (RepositoryNotFoundError, "The Hub has no org/name@v1 that you may see"),
        (RevisionNotFoundError, "The Hub has no org/name@v1 that you may see"),
        (LocalEntryNotFoundError, "org/name@v1 is not in the cache and the Hub cannot be reached"),
        (TimeoutError, r"cannot be reached \(TimeoutError\)"),
    ],
)
def test_each_is_an_error_with_a_way_out(kind: type[Exception], words: str) -> None:
    with pytest.raises(MftError, match=words) as caught, hub_errors("org/name", "org/name@v1", "PAGE", "or else."):
        raise made(kind)
    assert caught.value.hint
    assert ("PAGE" in caught.value.hint) == (kind is GatedRepoError)


def test_what_is_said_already_stays() -> None:
    with pytest.raises(MftError, match="said"), hub_errors("", "", "", ""):
        raise MftError("said", "hint")
