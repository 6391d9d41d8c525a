"""The modules that adapters stand beside, as an option."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Targets = Annotated[
    str | list[str],
    Field(description='"all-linear", "family" (the adapter\'s own list), or names of linear modules or ends of them'),
]
"""The type of an option that names them; see `mft_core.tuning.targets`."""


def in_words(targets: str | list[str]) -> str:
    """Such as "all-linear" or "q_proj, v_proj"."""
    return targets if isinstance(targets, str) else ", ".join(targets)
