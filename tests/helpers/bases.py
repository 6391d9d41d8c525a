"""Asking for a base."""

from __future__ import annotations

from pathlib import Path

from helpers.tiny_models import ADAPTERS
from mft_core.interfaces import BaseRequest


def request(name: str, cache: Path) -> BaseRequest:
    return BaseRequest(ADAPTERS.get(name), name, cache)
