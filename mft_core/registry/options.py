"""Components are built from options: typed, validated from the recipe."""

from __future__ import annotations

from abc import ABC
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Base of every option declaration: typed, frozen, and strict about unknown keys.

    Give each field a default and a `Field(description=...)`: `mft show KIND.NAME` prints them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


class Configurable(ABC):  # noqa: B024 - its subclasses are the interfaces
    """Anything built from options."""

    Options: ClassVar[type[Options]] = Options

    def __init__(self, options: Any = None) -> None:
        self.options: Any = options if options is not None else self.Options()
