"""A folder with a vocabulary in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.small_vocabularies import sentencepiece_model


@pytest.fixture(scope="session")
def llama_file() -> bytes:
    return sentencepiece_model()


@pytest.fixture
def folder(tmp_path: Path, llama_file: bytes) -> Path:
    """A folder with Llama's kind of tokenizer.model."""
    (tmp_path / "tokenizer.model").write_bytes(llama_file)
    return tmp_path
