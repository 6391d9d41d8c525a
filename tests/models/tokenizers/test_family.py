from __future__ import annotations

from mft_core.models.tokenizers.family import TokenizerFamily


def test_the_families_defaults_are_llamas() -> None:
    assert TokenizerFamily() == TokenizerFamily(beginning=None, appended=(), controls=(), end="", padding="")
