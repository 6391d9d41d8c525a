"""What a making is expected to cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from helpers.echo_makers import Echo, ThreeARound
from mft_core.data.readers import installed_readers
from mft_core.making.author import Author
from mft_core.making.draft import Draft, Seed
from mft_core.making.estimate import PROMPT_TOKENS, estimate, few_seeds
from mft_core.making.maker import Maker, SeedRequest
from mft_core.making.recipe import MakeRecipe


class ThreeQuestions(Maker):
    """Asks three for two records."""

    questions_per_seed = 3.0
    records_per_seed = 2.0

    def seeds(self, request: SeedRequest) -> Iterable[Seed]:
        return []

    def make(self, seed: Seed, author: Author) -> Iterable[Draft]:
        return []


def test_questions_follow_from_the_method_and_the_filters() -> None:
    recipe = MakeRecipe.model_validate({"n": 10, "model": {"max_tokens": 100}})
    expected = estimate(recipe, ThreeQuestions())
    assert expected.questions == 15
    assert expected.most_tokens == 15 * (PROMPT_TOKENS + 100)
    assert expected.tokens < expected.most_tokens
    assert expected.money is None
    checked = MakeRecipe.model_validate({"n": 10, "filters": {"tests": True, "consistency": True, "judge": 5}})
    assert estimate(checked, ThreeQuestions()).questions == 10 * (1.5 + 1 + 2 + 1)


def test_money_is_that_of_the_prices() -> None:
    recipe = MakeRecipe.model_validate({"n": 1000, "model": {"max_tokens": 1000, "prices": [2.0, 10.0]}})
    expected = estimate(recipe, ThreeQuestions())
    assert expected.most_money == 1500 * (PROMPT_TOKENS * 2.0 + 1000 * 10.0) / 1e6
    assert expected.money is not None
    assert expected.money < expected.most_money


class GoesOn(ThreeARound):
    """Has further seeds once something was kept."""

    def seeds(self, request: SeedRequest) -> Iterator[Seed]:
        return iter(list(super().seeds(request))[: 3 if request.round == 0 or request.kept else 0])


@pytest.mark.parametrize(
    ("maker", "wanted", "expected"),
    [(Echo(), 200, 100), (Echo(), 100, None), (Echo(), 3, None), (ThreeARound(), 400, None), (GoesOn(), 400, None)],
)
def test_seeds_are_counted_where_they_are_too_few(maker: Maker, wanted: int, expected: int | None) -> None:
    assert few_seeds(MakeRecipe(n=wanted), maker, installed_readers()) == expected


def test_no_more_is_expected_than_there_are_seeds_for() -> None:
    few = estimate(MakeRecipe(n=200), ThreeQuestions(), 3)
    assert (few.records, few.questions) == (6, 9)
    assert estimate(MakeRecipe(n=4), ThreeQuestions(), 3).records == 4
