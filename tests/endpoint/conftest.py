"""A fake endpoint, and how to ask it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers.endpoints import KEY, Open
from helpers.fake_endpoint import FakeEndpoint, fake_endpoint, reply, says
from mft_core.endpoint.client import Endpoint, EndpointSettings


@pytest.fixture
def server() -> Iterator[FakeEndpoint]:
    with fake_endpoint(says(reply())) as running:
        yield running


@pytest.fixture
def settings(server: FakeEndpoint, monkeypatch: pytest.MonkeyPatch) -> EndpointSettings:
    monkeypatch.setenv("JUDGE_LOGIN", KEY)
    return EndpointSettings(server.url, "judge-1", "JUDGE_LOGIN", seconds=5, tries=2, first_pause=0.0)


@pytest.fixture
def opened(settings: EndpointSettings, tmp_path: Path) -> Iterator[Open]:
    """Opens endpoints with the settings, or some of them changed, and closes them."""
    with ExitStack() as stack:

        def open_one(journal: str = "journal.jsonl", **changes: Any) -> Endpoint:
            return stack.enter_context(closing(Endpoint(replace(settings, **changes), tmp_path / journal)))

        yield open_one
