"""What the model hubs have in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

WANTED_FILES = ("*.json", "*.safetensors", "*.model", "*.txt", "*.tiktoken", "*.jinja")
"""Configuration, weights and tokenizer; no pickled weights and no Python code."""
PICKLED_WEIGHTS = ("*.bin",)
"""Fetched where there are no safetensors; read weights-only."""


def fetch_weights(download: Callable[[list[str]], str]) -> Path:
    """The folder of a snapshot, with pickled weights only if the repository has no others.

    Args:
        download: fetches the files that fit some patterns, and returns the snapshot's folder.
    """
    folder = Path(download(list(WANTED_FILES)))
    if not any(folder.glob("*.safetensors")):
        folder = Path(download([*WANTED_FILES, *PICKLED_WEIGHTS]))
    return folder


def split_revision(reference: str) -> tuple[str, str | None]:
    """ "ORG/NAME@REVISION" as ("ORG/NAME", "REVISION"); None where there is no revision."""
    name, at, revision = reference.partition("@")
    return name, revision if at else None
