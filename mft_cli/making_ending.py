"""Why a making has fewer records than were wanted, and what gives more."""

from __future__ import annotations

from mft_core.endpoint.spending import Spending
from mft_core.making.made import BUDGET, FRUITLESS, NO_MORE, PATIENCE, Made
from mft_core.making.recipe import MakeRecipe
from mft_core.support import units

SHOWN = 160


def ending_words(recipe: MakeRecipe, made: Made, spending: Spending) -> str:
    """Of a making that ended with less than was wanted.

    Args:
        recipe: of it.
        made: what came of it.
        spending: of it and of earlier calls.
    """
    if made.ended == BUDGET:
        return _budget(recipe, spending)
    nothing = not made.kept and bool(made.refused)
    if made.ended == PATIENCE:
        return f"{_commonest(made)}; with --set patience={2 * recipe.patience} it goes on from here"
    if made.ended == FRUITLESS:
        return f"{made.ended}; {_commonest(made)}"
    if made.ended == NO_MORE:
        seeds = units.counted(sum(made.seeds.values()), "seed")
        method = recipe.method.name
        words = f"{made.ended}: {method} has none left after {seeds}"
        if nothing:
            return f"{words}, and none of them gave a record; {_commonest(made)}"
        return (
            f"{words}; `mft show maker.{method}` says of what it makes more (where that is another setting, --replace)"
        )
    return made.ended


def _budget(recipe: MakeRecipe, spending: Spending) -> str:
    model = recipe.model
    if 0 < model.budget_requests <= spending.requests:
        return f"{BUDGET}, of {model.budget_requests:,} requests; with more --set model.budget_requests=N goes on"
    return f"{BUDGET}, of {units.count(model.budget_tokens)} tokens; with more --budget-tokens N goes on"


def _commonest(made: Made) -> str:
    """The commonest reason of the last refusals in a row, with an example."""
    if made.commonest is None:
        return "nothing was refused"
    one, count = made.commonest
    said = one.said or (one.draft.answer if one.draft else "")
    parts = [_short(one.detail), f"the model said: {_short(said)}" if said.strip() else ""]
    example = "; ".join(part for part in parts if part) or one.seed.key
    return f"{made.in_a_row:,} refused in a row, of these {count:,} by {one.filter}: {one.reason}, such as: {example}"


def _short(text: str) -> str:
    return units.shorten(units.printable(" ".join(text.split())), SHOWN)
