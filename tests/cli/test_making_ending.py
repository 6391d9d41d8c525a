"""Why a making ended, in words that fit the reason."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.drafts import draft
from mft_cli.making_ending import ending_words
from mft_core.endpoint.spending import Spending
from mft_core.making.draft import Seed
from mft_core.making.made import BUDGET, FRUITLESS, NO_MORE, PATIENCE, KeptDraft, Made, NotKept
from mft_core.making.recipe import MakeRecipe

SEED = Seed("0/loops", "loops")


def made(ended: str, *, kept: bool = True, refused: int = 0) -> Made:
    one = Made([KeptDraft(SEED, draft("question", "answer"))] if kept else [], ended=ended)
    one.refused += [NotKept(SEED, "maker", "no code block", "solution", said="Sure!\nUse a loop.")] * refused
    one.in_a_row = refused
    one.seeds["loops"] = 7
    return one


def words(one: Made, **values: Any) -> str:
    return ending_words(MakeRecipe.model_validate({"patience": 5, **values}), one, Spending(requests=9))


def test_a_budget_is_named_with_the_key_that_enlarges_it() -> None:
    assert "9 requests; with more --set model.budget_requests" in words(made(BUDGET), model={"budget_requests": 9})
    told = words(made(BUDGET), model={"budget_requests": 10, "budget_tokens": 700})
    assert "700 tokens; with more --budget-tokens" in told


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (made(PATIENCE, refused=5), "with --set patience=10 it goes on"),
        (made(FRUITLESS, refused=3), "rounds without a record; 3 refused in a row"),
        (made(NO_MORE, kept=False, refused=3), "none left after 7 seeds, and none of them gave a record; 3 refused"),
    ],
)
def test_refusals_are_told_with_the_commonest_reason_and_what_the_model_said(one: Made, expected: str) -> None:
    told = words(one)
    assert expected in told
    assert "by maker: no code block, such as: solution; the model said: Sure! Use a loop." in told


def test_a_method_that_has_no_more_seeds_is_named() -> None:
    told = words(made(NO_MORE, refused=2))
    assert "exercises has none left after 7 seeds" in told
    assert "mft show maker.exercises" in told
    assert "topics" not in told
