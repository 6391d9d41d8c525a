"""Keeps secrets out of what is shown or written."""

from __future__ import annotations

import os
import re

_SECRET_NAME = re.compile(r"TOKEN|KEY|SECRET|PASSWORD", re.IGNORECASE)
_SECRET_FORM = re.compile(r"\b(?:sk-[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9]{16,})")
_SHORTEST_SECRET = 8
"""A shorter value, such as TOKENIZERS_PARALLELISM=false, is no secret, and its word may stand anywhere."""


def redact(text: str) -> str:
    """`text` with "[redacted]" for API keys (sk-..., hf_...) and the values of secret environment variables.

    Secret is a variable whose name contains TOKEN, KEY, SECRET or PASSWORD and whose value has 8 characters or more.
    """
    secrets = {value for name, value in os.environ.items() if _SECRET_NAME.search(name)}
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "[redacted]")
    return _SECRET_FORM.sub("[redacted]", text)
