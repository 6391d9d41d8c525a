"""Keeps secrets out of what is shown or written.

`redact` is called at the ways out and nowhere else: the terminal (`mft_cli.display`), events, files that are written as
a whole (`durable.write_text`), journals, and what is kept of refused records. A text that leaves by none of them calls
it itself.
"""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

HIDDEN = "[redacted]"
SHORTEST_SECRET = 8
"""A shorter value, such as TOKENIZERS_PARALLELISM=false, is no secret, and its word may stand anywhere."""

_SECRET_NAME = re.compile(
    r"TOKEN|KEY|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|(?:^|_)(?:PASS|PAT)(?:_|$)|^(?!(?:OLD)?PWD$).*PWD",
    re.IGNORECASE,
)
"""PWD and OLDPWD are the shell's working directories."""
_SECRET_FORM = re.compile(
    r"(?<![A-Za-z])(?:sk-[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9]{16,}|(?:AKIA|ASIA)[A-Z0-9]{16}|gh[oprsu]_[A-Za-z0-9]{20,}"
    r"|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{10,}|AIza[\w-]{30,})"
)
_MARKS = ("sk-", "hf_", "AKIA", "ASIA", *(f"gh{kind}_" for kind in "oprsu"), "github_pat_", "glpat-", "xox", "AIza")
"""One of them stands in every secret known by its form: they are found ten times faster than the form itself."""
_BEARER = re.compile(r"(?<![A-Za-z])(bearer(?:\s|%20)+)[A-Za-z0-9._~+/-]{8,}=*", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=[A-Za-z0-9+.-]://)[^\s/?#\"'<>\\]+@")
"""Looked for from the "://" on: a scheme of any length, tried from each of its letters, takes minutes in a megabyte."""


def redact(text: str) -> str:
    """`text` with "[redacted]" in place of secrets.

    Those are keys known by their form (sk-..., hf_..., AKIA..., and those of GitHub, GitLab, Slack and Google), what
    follows "Bearer", user and password in a URL, and the values of secret environment variables: of 8 characters or
    more, and under a name that contains TOKEN, KEY, SECRET, PASSWORD, PASSWD, PASSPHRASE, CREDENTIAL or PWD (but for
    PWD and OLDPWD themselves), or PASS or PAT between underscores.
    """
    return _without(_written_secrets(), text)


def redacted(value: Any) -> Any:
    """JSON values with every text in them redacted, names of fields too."""
    # The environment is looked through once: an event of many tasks has thousands of texts.
    return _values_without(_written_secrets(), value)


def _values_without(secrets: Sequence[str], value: Any) -> Any:
    if isinstance(value, str):
        return _without(secrets, value)
    if isinstance(value, Mapping):
        pairs = value.items()
        return {_values_without(secrets, key): _values_without(secrets, inner) for key, inner in pairs}
    if isinstance(value, (list, tuple)):
        return [_values_without(secrets, inner) for inner in value]
    return value


def _without(secrets: Sequence[str], text: str) -> str:
    for written in secrets:
        text = text.replace(written, HIDDEN)
    if any(mark in text for mark in _MARKS):
        text = _SECRET_FORM.sub(HIDDEN, text)
    if "bearer" in text.lower():
        text = _BEARER.sub(rf"\1{HIDDEN}", text)
    return _USERINFO.sub(f"{HIDDEN}@", text) if "://" in text else text


def _written_secrets() -> list[str]:
    """The environment's secrets in every form, the longest first: a secret inside another leaves nothing behind."""
    return sorted(_as_written(secret_values()), key=len, reverse=True)


def secret_values() -> dict[str, str]:
    """Environment variable -> its value, of those that hold a secret.

    A path that is there says where a secret lies, as in HF_TOKEN_PATH, and is none itself.
    """
    return {
        name: value.strip()
        for name, value in os.environ.items()
        if is_secret_name(name)
        and len(value.strip()) >= SHORTEST_SECRET
        and not (value.startswith(os.sep) and os.path.lexists(value))
    }


def is_secret_name(name: str) -> bool:
    """Whether an environment variable of this name is taken to hold a secret."""
    return bool(_SECRET_NAME.search(name))


def _as_written(secrets: Mapping[str, str]) -> Iterator[str]:
    """Each as it is, as JSON, Python, HTML or a URL write it, and on one line."""
    for secret in set(secrets.values()):
        escaped = (json.dumps(secret), json.dumps(secret, ensure_ascii=False), repr(secret))
        safe = secret.encode("utf-8", "replace")
        yield from {secret, *(text[1:-1] for text in escaped), html.escape(secret), quote(safe, safe="")}
        yield " ".join(secret.split())
