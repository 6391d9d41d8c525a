"""A place base weights come from: what a base's plugin implements."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mft_core.models.adapter import ModelAdapter
from mft_core.registry.options import Configurable, SomeOptions


@dataclass(frozen=True, slots=True)
class BaseRequest:
    """What a Base may use: the adapter chosen (None: not yet known) and a folder for what it downloads."""

    adapter: ModelAdapter | None
    adapter_name: str
    cache: Path


class Base(Configurable[SomeOptions]):
    """A place base weights come from."""

    random_weights: ClassVar[bool] = False
    """True where the weights are untrained; the CLI then says so plainly."""

    @abstractmethod
    def fetch(self, reference: str, request: BaseRequest) -> Path:
        """A local folder with config.json, weights and tokenizer.

        Args:
            reference: what stands after "NAME:" in `--base NAME:reference`, or the whole of `--base`.

        Raises:
            MftError: what could not be had, and what to do instead.
        """

    def pinned(self, reference: str, folder: Path) -> str:
        """`reference` so that it will mean the same weights later; as it is where nothing more can be said.

        Args:
            reference: as for `fetch`.
            folder: what `fetch` gave for it.
        """
        return reference
