"""config.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mft_core.errors import MftError
from mft_core.models.checkpoints.config import read_config


@pytest.mark.parametrize("content", [None, "{", "[]"], ids=["absent", "torn", "no object"])
def test_a_bad_config_is_an_error(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(MftError, match=r"config\.json"):
        read_config(tmp_path)


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"num_hidden_layers": 10**6}, "num_hidden_layers = 1,000,000"),
        ({"text_config": {"n_layer": 10**6}}, "n_layer = 1,000,000"),
        ({"num_experts": 1e7}, "num_experts = 10,000,000"),
    ],
)
def test_more_parts_than_any_model_has_are_refused(config: dict[str, Any], key: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(MftError, match=f"config.json: {key}.* is more than any model has"):
        read_config(tmp_path)


def test_nesting_without_end_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"a":' * 100_000)
    with pytest.raises(MftError, match=r"config\.json is no valid JSON"):
        read_config(tmp_path)
