"""TOML, from files and from the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mft_core.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file holds; a byte order mark, as Windows' editors write one, is no mistake.

    Raises:
        UsageError: it cannot be read, or is no TOML; the message says where.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", "`mft init` writes a recipe to start from") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}", "mend the file; see https://toml.io") from error


def toml_value(text: str) -> Any:
    """The value that `text` means in TOML; the text itself where it means none, as a bare word does not."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
