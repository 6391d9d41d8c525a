"""What the tasks are made of: samples, stable choices, and how code is shown."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from mft_sources.stdlib.definitions import Definition

Choice = TypeVar("Choice")

SHOWN_NAMES = 12


@dataclass(frozen=True, slots=True)
class Example:
    """One sample of one task: what is asked and what is answered."""

    prompt: str
    response: str


def stable_number(*key: object) -> int:
    """A number in [0, 2**64) that depends on `key` only: not on the process, the platform or the time."""
    return int.from_bytes(hashlib.blake2b(repr(key).encode(), digest_size=8).digest(), "big")


def pick(choices: Sequence[Choice], *key: object) -> Choice:
    """One of `choices`, always the same for the same `key`."""
    return choices[stable_number(*key) % len(choices)]


def fenced(code: str) -> str:
    """`code` as a Markdown block."""
    return f"```python\n{code}\n```"


def unfenced(text: str) -> str:
    """The code of the first Markdown block in `text`; "" where there is none."""
    start = text.find("```python\n")
    end = text.find("\n```", start + 3)
    return text[start + len("```python\n") : end] if 0 <= start < end else ""


def code_lines(code: str) -> int:
    """Lines of `code` that are neither blank nor only a comment."""
    stripped = (line.strip() for line in code.split("\n"))
    return sum(1 for line in stripped if line and not line.startswith("#"))


def spoken_name(definition: Definition) -> str:
    """Such as "`JSONDecoder.decode` (module `json.decoder`)"."""
    return f"`{definition.qualname}` (module `{definition.module}`)"


def owner_note(definition: Definition) -> str:
    """A sentence on the class around a method, ending with a space; "" for a function."""
    return f"It is a method of `{definition.owner.header}`. " if definition.owner else ""


def members_note(definition: Definition) -> str:
    """As `owner_note`, with the names a method can build on."""
    owner = definition.owner
    if owner is None:
        return ""
    methods = tuple(name for name in owner.methods if name != definition.qualname.rpartition(".")[2])
    parts = [
        f"{label} {'such as ' if len(names) > SHOWN_NAMES else ''}{_quoted(names[:SHOWN_NAMES])}"
        for label, names in (("attributes", owner.attributes), ("methods", methods))
        if names
    ]
    return f"It is a method of `{owner.header}` with {' and '.join(parts)}. " if parts else owner_note(definition)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
