"""Asking a fake endpoint."""

from __future__ import annotations

from collections.abc import Callable

from mft_core.endpoint.client import Endpoint

KEY = 'very"secret/key+0123456789'
QUESTION = [{"role": "user", "content": "How are you?"}]
Open = Callable[..., Endpoint]
"""open(journal="journal.jsonl", **changes): an endpoint with the settings, some of them changed."""


def question(number: int) -> list[dict[str, str]]:
    """One of many."""
    return [{"role": "user", "content": str(number)}]
