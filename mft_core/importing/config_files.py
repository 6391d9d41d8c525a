"""Configurations as other tools have them: YAML, JSON, TOML, or the arguments of a command in a shell script."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mft_core.errors import UsageError
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
    config = arguments(text) if suffix in SHELL else _parsed(text, path, json.loads if suffix == ".json" else _yaml)
    if not isinstance(config, dict) or not config:
        raise UsageError(f"{path} holds no keys with values.", HINT)
    return {str(key): value for key, value in config.items()}


def arguments(text: str) -> dict[str, Any]:
    """The `--key value` of a command that may go over several lines; one without a value is true, of several a list."""
    found: dict[str, Any] = {}
    words = list(_words(text))
    number = 0
    while number < len(words):
        word = words[number]
        number += 1
        if not word.startswith("--") or len(word) == 2:
            continue
        key, equals, value = word[2:].partition("=")
        values = [value] if equals else []
        while not equals and number < len(words) and not words[number].startswith("--"):
            values.append(words[number])
            number += 1
        plain = [_scalar(one) for one in values]
        found[key.replace("-", "_")] = True if not plain else plain[0] if len(plain) == 1 else plain
    return found


def _words(text: str) -> Iterator[str]:
    """Of the command in the script; what comes before its first argument is no part of it."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\s*\n", " ", "\n".join(lines))
    command = next((line for line in joined.splitlines() if " --" in line), "")
    yield from shlex.split(command)


def _scalar(text: str) -> Any:
    """A number or a truth value as such."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


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
    except Exception as error:
        raise UsageError(f"{path} cannot be parsed: {' '.join(str(error).split())}", HINT) from error
