"""A checkpoint's config.json, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mft_core.errors import MftError

UNBUILDABLE = (ValueError, RuntimeError, TypeError, LookupError, AttributeError, ArithmeticError)
"""What transformers' model classes raise where a configuration's values do not go together."""


def read_config(folder: Path) -> dict[str, Any]:
    """`config.json` of a model folder.

    Raises:
        MftError: it is missing or is no JSON object.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MftError(f"{folder} has no config.json, so it is no model folder.") from None
    except ValueError as error:
        raise MftError(f"{path} is no valid JSON: {error}") from error
    if not isinstance(config, dict):
        raise MftError(f"{path} is no JSON object.")
    return config


def describe_config(config: Mapping[str, Any]) -> str:
    """A checkpoint's kind in a few words, for messages."""
    architectures = ", ".join(config.get("architectures") or ()) or "no architecture named"
    return f"model_type {config.get('model_type', 'missing')!r}, {architectures}"


def remote_code_note(config: Mapping[str, Any]) -> str:
    """A sentence for messages where a checkpoint asks for code of its own to be run; else ""."""
    if not config.get("auto_map"):
        return ""
    return f" It wants code of its own to be run ({', '.join(map(str, config['auto_map']))}), which mft never does."
