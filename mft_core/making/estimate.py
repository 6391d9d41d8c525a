"""What a making is likely to cost, told before it starts."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import islice

from mft_core.data.readers import Readers
from mft_core.endpoint.spending import money_for
from mft_core.making.draft import Draft
from mft_core.making.maker import Maker, SeedRequest, seeds_of
from mft_core.making.recipe import MakeRecipe
from mft_core.records import Turn

PROMPT_TOKENS = 400
"""Of a question with its instructions; a guess, as that of an answer's share is."""
MOST_ROUNDS = 12
"""In which seeds are counted."""
KEPT = (Draft((Turn("user", "Add two numbers."), Turn("assistant", "a + b"))),)
"""Something that was kept: a maker that goes on with it has seeds that cannot be counted before."""
SHARE_OF_ANSWER = 0.4
"""Of `max_tokens` that an answer has on the average."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of a making from nothing, if all that is made is kept; what is refused comes on top.

    Attributes:
        records: that can be made: fewer than are wanted where there are not seeds enough.
        questions: to the model.
        tokens: of prompts and answers, likely.
        most_tokens: if all answers are as long as they may be.
        money, most_money: by the recipe's prices; None: it has none.
    """

    records: int
    questions: int
    tokens: int
    most_tokens: int
    money: float | None
    most_money: float | None


def estimate(recipe: MakeRecipe, maker: Maker, seeds: int | None = None) -> Estimate:
    """What the recipe comes to with this maker, which has so many seeds; None: enough, or nobody knows."""
    filters, model = recipe.filters, recipe.model
    checking = filters.tests + 2 * filters.consistency + (filters.judge > 0)
    records = recipe.n if seeds is None else min(recipe.n, math.ceil(seeds * maker.records_per_seed))
    questions = math.ceil(records * (maker.questions_per_seed / maker.records_per_seed + checking))
    prompts, most = questions * PROMPT_TOKENS, questions * model.max_tokens
    likely = round(most * SHARE_OF_ANSWER)
    money, most_money = (money_for(prompts, answers, model.prices) for answers in (likely, most))
    return Estimate(records, questions, prompts + likely, prompts + most, money, most_money)


def few_seeds(recipe: MakeRecipe, maker: Maker, readers: Readers) -> int | None:
    """How many seeds a maker has in all its rounds; None: enough for the recipe, or as many as it finds by then.

    Args:
        recipe: of the making.
        maker: not the one that works: some count what they pass over.
        readers: of files that seeds come from.

    Raises:
        MftError: a file cannot be read.
    """
    enough, found = math.ceil(recipe.n / maker.records_per_seed), 0
    for number in range(MOST_ROUNDS):
        request = SeedRequest(number, (), recipe.seed, readers)
        of_round = sum(1 for _ in islice(seeds_of(maker, request), enough - found))
        found += of_round
        if found >= enough:
            return None
        if not of_round:
            goes_on = next(seeds_of(maker, replace(request, kept=KEPT)), None)
            return found if goes_on is None else None
    return None
