"""Chunks that a few hundred tokens fill."""

from __future__ import annotations

import pytest

from mft_core.nn import head_losses as head_losses_module


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 37 rows, so that a few hundred tokens fill many and the last one is not full."""
    monkeypatch.setattr(head_losses_module, "chunk_rows", lambda *_: 37)
