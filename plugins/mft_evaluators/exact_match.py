"""The share of answers that equal the reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from mft_core.evaluation.items import Item, Judged, Verdict
from mft_core.evaluation.references import ReferenceEvaluator, ReferenceOptions
from mft_core.evaluation.scoring import mean_score
from mft_core.records import Score


class ExactMatchOptions(ReferenceOptions):
    """Options of exact match."""

    spaces: Literal["around", "all", "none"] = Field(
        "around", description="white space that does not count: around the text; all: any run of it is one space; none"
    )


class ExactMatch(ReferenceEvaluator[ExactMatchOptions]):
    """The share of answers that equal the reference, white space around them aside."""

    name = "exact-match"

    def judge(self, item: Item, completion: str) -> Verdict:
        """Pass where both are the same."""
        return Verdict.of(self._plain(completion) == self._plain(item.fields["reference"]))

    def aggregate(self, judged: Sequence[Judged], protocol: str) -> list[Score]:
        """The mean over problems of the share of their samples that match."""
        name = f"{protocol}, spaces {self.options.spaces}"
        return [mean_score(self.title(judged[0].attempt.item.group), "exact match", judged, name)]

    def _plain(self, text: str) -> str:
        if self.options.spaces == "none":
            return text
        return text.strip() if self.options.spaces == "around" else " ".join(text.split())
