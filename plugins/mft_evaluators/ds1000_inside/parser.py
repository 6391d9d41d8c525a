"""Stands for the module of that name that Python 3.10 removed: published tests look for words like "for" with it."""

from __future__ import annotations

import io
import textwrap
import tokenize


def suite(code: str) -> str:
    return textwrap.dedent(code.strip("\n"))


def st2list(code: str) -> list[str]:
    return [token.string for token in tokenize.generate_tokens(io.StringIO(code + "\n").readline)]
