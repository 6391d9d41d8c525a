"""What makers over the user's own code have in common."""

from __future__ import annotations

from collections.abc import Iterator

from typing_extensions import TypeVar

from mft_core.making.draft import Seed
from mft_core.making.maker import SeedRequest
from mft_makers.code_files import CodeFilesOptions, Snippet, snippets
from mft_makers.prompted import PromptedMaker, PromptedOptions
from mft_makers.tally import Tally


class OverCodeOptions(CodeFilesOptions, PromptedOptions):
    """Options of every maker over code."""


SomeOverCodeOptions = TypeVar("SomeOverCodeOptions", bound=OverCodeOptions, default=OverCodeOptions, covariant=True)


class OverCode(PromptedMaker[SomeOverCodeOptions]):
    """Seeds are pieces of code: `text` is what is shown of one, `facts` its language and name, and which of the texts
    in the file `requests`, if the maker has one, the record begins with.

    A further round takes further pieces of each file, until there are none.

    Attributes:
        has_requests: whether there is such a file.
    """

    has_requests = True

    def seeds(self, request: SeedRequest) -> Iterator[Seed]:
        """The pieces of a round that the maker can use."""
        self.require("code", "files of code")
        tally = self.tally if request.round == 0 else Tally()  # what is left out counts once
        draw = request.random()
        requests = list(self.lines("requests")) if self.has_requests else [""]
        for snippet in snippets(self.options, request.seed, request.round, self.unusable, tally):
            facts = {"language": snippet.language, "name": snippet.name, "request": draw.choice(requests)}
            yield Seed(snippet.place, self.shown(snippet), snippet.language, facts)

    def unusable(self, snippet: Snippet) -> str:
        """Why nothing can be made of a piece of code; "": it can."""
        return ""

    def shown(self, snippet: Snippet) -> str:
        """The text of a seed."""
        return snippet.text
