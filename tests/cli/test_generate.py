"""`mft generate`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from click.testing import Result


def test_generate_prints_text_or_json(command: Callable[..., Result]) -> None:
    plain = command("generate", "tiny", "--model", "qwen", "--prompt", "Hello", "--max-new-tokens", "8")
    assert plain.exit_code == 0, plain.output
    as_json = command("generate", "tiny", "--model=qwen", "--prompt=-", "--max-new-tokens=8", "--json", stdin="Hello")
    facts: dict[str, Any] = json.loads(as_json.stdout)
    assert facts["text"] == plain.stdout[:-1]
    assert facts["prompt"] == "Hello"
    assert 0 < facts["new_tokens"] <= 8
