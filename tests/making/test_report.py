"""The report of a making."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from helpers.drafts import draft
from mft_core.endpoint.spending import Spending
from mft_core.making.author import Author
from mft_core.making.draft import Draft, Seed
from mft_core.making.made import NO_MORE, KeptDraft, Made, NotKept
from mft_core.making.maker import Maker, SeedRequest
from mft_core.making.recipe import MakeRecipe
from mft_core.making.report import report, spent_words

SPENDING = Spending(requests=12, prompt_tokens=20_000, completion_tokens=500, estimated=2, money=1.5)


class Nothing(Maker):
    def __init__(self, seeds: Sequence[str] = (), left: Mapping[str, int] | None = None) -> None:
        super().__init__()
        self._seeds, self._left = seeds, left or {}

    def seeds(self, request: SeedRequest) -> Iterable[Seed]:
        return []

    def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
        return []

    def own_seeds(self) -> Sequence[str]:
        return self._seeds

    def passed_over(self) -> Mapping[str, int]:
        return self._left


def made() -> Made:
    found = Made(ended=NO_MORE)
    for number in range(30):
        seed = Seed(f"s{number}", "text", f"topic {number % 20}")
        found.kept.append(
            KeptDraft(seed, draft(f"Write task number {number} | with a bar\nand a line", "answer " * number))
        )
    found.seeds.update({f"topic {number}": 2 for number in range(40)})
    for number in range(9):
        found.refused.append(NotKept(Seed("x", "t"), "rouge", "like an earlier one", f"0.{number} with 'one'"))
    return found


def test_it_has_counts_coverage_diversity_and_samples() -> None:
    seeds = ["sort a list", "count words", "walk a tree"]
    text = report(MakeRecipe(n=50), made(), SPENDING, Nothing(seeds, {"a file that is too large": 4}))
    assert "30 of 50 records that were wanted, kept of 39 that were looked at" in text
    assert NO_MORE in text
    assert "| rouge | like an earlier one | 9 | 0.0 with 'one'; 0.1 with 'one'; 0.2 with 'one' |" in text
    assert "- a file that is too large: 4" in text
    assert "20 of the 40 topics that were tried have a record." in text
    assert "| made | 30 |" in text
    assert "| seeds | 3 |" in text
    assert "| made, as many as seeds | 3 |" in text
    assert text.count("\n### ") == 10
    # No cell of a table ends early, none spreads over lines.
    assert "number 3 \\| with a bar and a line" in text


def test_it_can_be_written_of_nothing() -> None:
    text = report(MakeRecipe(), Made(ended=NO_MORE), Spending(), Nothing())
    assert "0 of 200 records" in text
    assert "The method has none." in text
    assert "There are none." in text


def test_the_same_making_has_the_same_report() -> None:
    assert report(MakeRecipe(), made(), SPENDING, Nothing()) == report(MakeRecipe(), made(), SPENDING, Nothing())


def test_what_was_spent_is_told_with_what_is_a_guess() -> None:
    words = spent_words(SPENDING)
    assert words == (
        "12 requests, 20k tokens of prompts, 500 of answers, 1.50 by the given prices "
        "(2 answers without a count: estimated)"
    )
    assert spent_words(Spending(1, lost=2_000)) == (
        "1 request, 0 tokens of prompts, 0 of answers; at most 2,000 more tokens by requests without a response"
    )
    assert spent_words(Spending()) == "0 requests, 0 tokens of prompts, 0 of answers"
