"""Data sets as they lie in the Hub's cache."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def cached_set(
    cache: Path, name: str, files: Mapping[str, str | bytes], commit: str = COMMIT, revision: str = "main"
) -> Path:
    """A repository of data in a cache, one revision of it at one commit; returns its snapshot."""
    repository = cache / f"datasets--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / commit
    for file, content in files.items():
        path = snapshot / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / revision).write_text(commit, encoding="utf-8")
    return snapshot


def use_cache(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """Make it the Hub's cache of this process, without a network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
