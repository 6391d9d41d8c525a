"""The recipe of one arm: the common one with the keys that the arm has of its own."""

from __future__ import annotations

from collections.abc import Sequence

from mft_core.comparison.arm import Arm
from mft_core.comparison.arm_kinds import kind_of
from mft_core.errors import UsageError
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import Recipe
from mft_core.registry.catalog import Catalog
from mft_core.run.components import choose_parts
from mft_core.support.lists import first_few
from mft_core.tuning.preparing import build_tuner

LENGTH_KEYS = ("train.steps", "train.epochs", "train.batch_size", "data.max_samples")
"""With which an arm has a budget of its own."""
OWN_DATA_KEYS = ("packer", "temperature", "max_bad")
"""Keys of [data] that leave validation samples as they are."""
SHARED = {
    "model.base": "the losses of two models, and those before training, are no comparison of arms",
    "model.adapter": "the losses of two models, and those before training, are no comparison of arms",
    "train.seed": "every arm is trained with the same seeds, of which --seeds says how many",
    "output.dir": "the runs lie in the folder of the comparison, --output",
}


def arm_recipe(recipe: Recipe, arm: Arm, catalog: Catalog) -> Recipe:
    """The recipe of an arm.

    Args:
        recipe: common to all arms.

    Raises:
        UsageError: a key that there is not, a wrong value, or a key that cannot differ between arms; the message
            names the arm.
    """
    if not arm.keys:
        return recipe
    overrides = list(arm.keys.items())
    if "train.epochs" in arm.keys and "train.steps" not in arm.keys:
        overrides.append(("train.steps", 0))  # which would go before
    try:
        own = load_recipe(None, overrides, recipe.model_dump(mode="json"), components=catalog)
        for key in arm.keys:
            _refuse_shared(key, recipe)
        choose_parts(own, catalog)
    except UsageError as error:
        raise arm.wrong(UsageError(error.message.replace("the command line: ", ""), error.hint)) from None
    return own


def check_arm_recipes(arms: Sequence[Arm], recipe: Recipe, catalog: Catalog) -> None:
    """Refuse what is wrong with an arm's own keys and options, before anything slow is imported.

    Raises:
        UsageError: as `arm_recipe`, and what a kind of arms refuses.
    """
    for arm in arms:
        own = arm_recipe(recipe, arm, catalog)
        kind_of(arm).check(arm, arms, own, build_tuner(own.tune, catalog))


def _refuse_shared(key: str, recipe: Recipe) -> None:
    section, _, rest = key.partition(".")
    name = rest.partition(".")[0]
    few = name == "max_samples" and recipe.data.max_valid_samples > 0
    if section == "data" and name not in OWN_DATA_KEYS and not few:
        also = ", max_samples (where data.max_valid_samples is given)"
        raise UsageError(
            f"{key} cannot differ between arms: validation samples come of it too, and arms are compared on the same",
            f"give it to all arms: --set {key}=VALUE; of [data], an arm may have {', '.join(OWN_DATA_KEYS)}{also}",
        )
    if key in SHARED:
        raise UsageError(f"{key} cannot differ between arms: {SHARED[key]}", "leave it out, or compare once for each")


def budget_warnings(arms: Sequence[Arm]) -> list[str]:
    """Of arms that train on more or less than the others because they say so, or for what they are."""
    warnings = []
    for arm in arms:
        own = [f"{key}={value}" for key, value in arm.keys.items() if key in LENGTH_KEYS]
        if own:
            warnings.append(
                f"{arm.label!r} has a budget of its own ({first_few(own)}): what it differs by may come of that; "
                "see the table of costs"
            )
        if remark := kind_of(arm).remark(arm, arms):
            warnings.append(remark)
    return warnings
