"""What the model hubs have in common."""

from __future__ import annotations

WANTED_FILES = ("*.json", "*.safetensors", "*.model", "*.txt", "*.tiktoken", "*.jinja")
"""Configuration, weights and tokenizer; no pickled weights and no Python code."""


def split_revision(reference: str) -> tuple[str, str | None]:
    """ "ORG/NAME@REVISION" as ("ORG/NAME", "REVISION"); None where there is no revision."""
    name, at, revision = reference.partition("@")
    return name, revision if at else None
