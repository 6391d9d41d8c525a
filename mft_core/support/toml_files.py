"""TOML, from files and from the command line."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mft_core.errors import UsageError
from mft_core.support.suggestions import nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


BARE_WORD = re.compile(r"""\s*([\w.-]+)\s*=\s*([^\s"'\[{#=][^"'\[{#=]*?)\s*(?:#.*)?""")
"""A key, and a value that begins as none of TOML's but numbers and words do."""


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file holds; a byte order mark, as Windows' editors write one, is no mistake.

    Raises:
        UsageError: it cannot be read, or is no TOML; the message says where.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        return tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", _instead_of(path)) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}", "mend the file; see https://toml.io") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}", _mend(text, str(error))) from error


def _instead_of(path: Path) -> str:
    """What may have been meant by a path that is no file."""
    if path.is_dir():
        return f"it is a folder; a folder of tasks is given with --data {path}"
    near = nearest(path.name, [file.name for file in path.parent.glob("*.toml")])
    return f"did you mean {path.parent / near}?" if near else "`mft init` writes a recipe to start from"


def _mend(text: str, problem: str) -> str:
    """How to mend TOML: a word without quotes is what most often makes it invalid."""
    place = re.search(r"at line (\d+)", problem)
    line = text.splitlines()[int(place[1]) - 1] if place else ""
    bare = BARE_WORD.fullmatch(line)
    return f'text needs quotes: {bare[1]} = "{bare[2]}"' if bare else "mend the file; see https://toml.io"


def toml_value(text: str) -> Any:
    """The value that `text` means in TOML; the text itself where it means none, as a bare word does not."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
