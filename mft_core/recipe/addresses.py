"""Addresses of data that a source fetches, such as hf:ORG/NAME, where files could be named as well."""

from __future__ import annotations

import re
from typing import NamedTuple

ADDRESS = re.compile(r"([a-z][a-z0-9_-]+):(?![\\/])(.+)")


class Address(NamedTuple):
    """`source`:`rest`."""

    source: str
    rest: str


def address_of(text: str) -> Address | None:
    """The address that a text has the form of; None: it is a path. Whether there is such a source is not asked."""
    found = ADDRESS.fullmatch(text)
    return Address(*found.groups()) if found else None
