"""What a making is likely to cost, told before it starts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mft_core.endpoint.spending import money_for
from mft_core.making.maker import Maker
from mft_core.making.recipe import MakeRecipe

PROMPT_TOKENS = 400
"""Of a question with its instructions; a guess, as that of an answer's share is."""
SHARE_OF_ANSWER = 0.4
"""Of `max_tokens` that an answer has on the average."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of a making from nothing, if all that is made is kept; what is refused comes on top.

    Attributes:
        questions: to the model.
        tokens: of prompts and answers, likely.
        most_tokens: if all answers are as long as they may be.
        money, most_money: by the recipe's prices; None: it has none.
    """

    questions: int
    tokens: int
    most_tokens: int
    money: float | None
    most_money: float | None


def estimate(recipe: MakeRecipe, maker: Maker) -> Estimate:
    """What the recipe comes to with this maker."""
    filters, model = recipe.filters, recipe.model
    checking = filters.tests + 2 * filters.consistency + (filters.judge > 0)
    questions = math.ceil(recipe.n * (maker.questions_per_seed / maker.records_per_seed + checking))
    prompts, most = questions * PROMPT_TOKENS, questions * model.max_tokens
    likely = round(most * SHARE_OF_ANSWER)
    money, most_money = (money_for(prompts, answers, model.prices) for answers in (likely, most))
    return Estimate(questions, prompts + likely, prompts + most, money, most_money)
