"""config.json."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.errors import MftError
from mft_core.models.checkpoints.config import read_config


@pytest.mark.parametrize("content", [None, "{", "[]"], ids=["absent", "torn", "no object"])
def test_a_bad_config_is_an_error(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(MftError, match=r"config\.json"):
        read_config(tmp_path)
