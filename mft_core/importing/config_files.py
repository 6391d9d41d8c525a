"""Configurations as other tools have them: YAML, JSON, TOML, or the arguments of a command in a shell script."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mft_core.errors import UsageError
from mft_core.importing.shell_scripts import arguments
from mft_core.support.toml_files import read_toml

SHELL = frozenset({".sh", ".bash", ".txt", ".cmd"})
HINT = "Give a YAML, JSON or TOML file, or a script (.sh) with the command and its --arguments."


def read_config(path: Path) -> dict[str, Any]:
    """The keys and values of a configuration; those of a command have no dashes in front.

    Raises:
        UsageError: it cannot be read, or is no table of keys.
    """
    suffix = path.suffix.lower()
    if suffix == ".toml":
        return read_toml(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}", HINT) from error
    parse = arguments if suffix in SHELL else json.loads if suffix == ".json" else _yaml
    config = _parsed(text, path, parse)
    if not isinstance(config, dict) or not config:
        raise UsageError(f"{path} holds no keys with values.", HINT)
    return {str(key): value for key, value in config.items()}


def _yaml(text: str) -> Any:
    import yaml

    # YAML 1.1 takes 1e-4 for a text, which every tool that reads such files means as a number.
    loaded = yaml.safe_load(text)
    return {key: _number(value) for key, value in loaded.items()} if isinstance(loaded, dict) else loaded


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, str) and re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", value) else value


def _parsed(text: str, path: Path, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(text)
    except UsageError as error:
        raise UsageError(f"{path}: {error.message}", error.hint) from error
    except Exception as error:
        raise UsageError(f"{path} cannot be parsed: {' '.join(str(error).split())}", HINT) from error
