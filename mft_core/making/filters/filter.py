"""What every filter is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from mft_core.making.author import Author
from mft_core.making.draft import Draft


class Filter(ABC):
    """Looks at one draft at a time, in any thread.

    Attributes:
        name: under which refusals are counted, with their reasons: "execution".
    """

    name: ClassVar[str]

    @abstractmethod
    def check(self, draft: Draft, author: Author) -> None:
        """Let the draft pass.

        Raises:
            Refused: it is not kept.
        """

    def check_instruction(self, text: str) -> None:  # noqa: B027 - most filters can say nothing of it
        """Let an instruction pass before its solution is paid for.

        Raises:
            Refused: no record with it would be kept.
        """


class OrderedFilter(ABC):
    """Compares drafts with those kept before, one after another, in the order of their seeds."""

    name: ClassVar[str]

    @abstractmethod
    def check(self, draft: Draft) -> None:
        """Let the draft pass.

        Raises:
            Refused: it is like one that was kept.
        """

    @abstractmethod
    def keep(self, draft: Draft) -> None:
        """Remember a draft that every filter let pass."""
