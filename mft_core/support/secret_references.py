"""Secrets in recipes: by reference only, as "env:NAME", which is read from the environment where it is used."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from mft_core.errors import UsageError
from mft_core.support.nesting import leaves
from mft_core.support.redact import is_secret_name, redact, secret_values

_REFERENCE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
_SECRET_OPTION = re.compile(
    r"(^|_)(secret|password|passwd|passphrase|(api|access|secret|private|auth)_?key|(api|access|auth|hf)_?token)$",
    re.IGNORECASE,
)
"""Names of options whose value is a secret, whatever it looks like."""


def resolved(value: Any, where: str) -> Any:
    """Options with the value of NAME in the place of every text "env:NAME".

    Args:
        where: the place of the options in the recipe, for messages.

    Raises:
        UsageError: NAME is not set; or it is none of the names whose values are kept out of all that is written.
    """
    if isinstance(value, Mapping):
        return {key: resolved(inner, f"{where} {key}".strip()) for key, inner in value.items()}
    if isinstance(value, list):
        return [resolved(inner, where) for inner in value]
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return value if match is None else _variable(match[1], f"{where} = {value!r}")


def refuse_literal_secrets(values: Mapping[str, Any], origin: str) -> None:
    """Let nothing into a recipe that must not be stored with a run.

    Args:
        values: of a recipe, as they were written.
        origin: the file they are from, for messages.

    Raises:
        UsageError: a secret stands there in plain; it is not repeated in the message.
    """
    for key, text in leaves(values):
        if isinstance(text, str) and not _REFERENCE.fullmatch(text) and _is_secret(key, text):
            name = next((name for name, value in secret_values().items() if value in text), "MY_SECRET_KEY")
            raise UsageError(
                f"{redact(origin)}: {redact(key)} holds a secret in plain, which would be stored with the run",
                f'put it into an environment variable and write "env:{name}" in its place',
            )


def _is_secret(key: str, text: str) -> bool:
    return redact(text) != text or bool(text and _SECRET_OPTION.search(key.rpartition(".")[2]))


def _variable(name: str, where: str) -> str:
    if not is_secret_name(name):
        raise UsageError(
            f"{where}: {name} does not say that it holds a secret",
            "give it a name with TOKEN, KEY, SECRET, PASSWORD or CREDENTIAL in it: such values are kept out of files",
        )
    if not os.environ.get(name):
        raise UsageError(f"{where}: the environment variable {name} is not set", f"export {name}=... and rerun")
    return os.environ[name]
