"""The recipe of one arm: the common one with the keys that the arm has of its own."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TypeVar

from pydantic import ValidationError

from mft_core.comparison.arm import MERGED, MIX, Arm
from mft_core.comparison.arm_runs import partner_of
from mft_core.comparison.arms import refuse_unknown_options
from mft_core.comparison.small_runs import MixOptions, check_runs
from mft_core.data.tasks import TaskSet
from mft_core.errors import UsageError
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import Recipe
from mft_core.registry.catalog import Catalog
from mft_core.registry.options import Options, options_error
from mft_core.run.components import choose_parts
from mft_core.support.lists import first_few
from mft_core.tuning.combining import SPARSE, MergeOptions
from mft_core.tuning.methods import FULL, check_tuning

SomeOptions = TypeVar("SomeOptions", bound=Options)
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
        check_tuning(own)
        choose_parts(own, catalog)
    except UsageError as error:
        raise arm.wrong(UsageError(error.message.replace("the command line: ", ""), error.hint)) from None
    return own


def check_arm_recipes(arms: Sequence[Arm], recipe: Recipe, catalog: Catalog) -> None:
    """Refuse what is wrong with an arm's own keys and options, before anything slow is imported.

    Raises:
        UsageError: as `arm_recipe`, `check_merged` and `check_mix`.
    """
    for arm in arms:
        own = arm_recipe(recipe, arm, catalog)
        if arm.name == MERGED:
            check_merged(arm, arms, own)
        if arm.name == MIX:
            check_mix(arm, own)


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


def check_merged(arm: Arm, arms: Sequence[Arm], recipe: Recipe) -> MergeOptions:
    """How the arm "merged" combines adapters.

    Args:
        arms: all of the comparison.
        recipe: the arm's.

    Raises:
        UsageError: an unknown option or wrong value, no arm to take adapters from, or such as cannot be combined.
    """
    options = _options(arm, MergeOptions)
    if "density" in arm.options and options.method not in SPARSE:
        wrong = UsageError(f"method {options.method} keeps whole matrices", f"density belongs to {', '.join(SPARSE)}")
        raise arm.wrong(wrong)
    partner_of(arm, arms)
    if recipe.tune.method == FULL:
        raise arm.wrong(
            UsageError(
                f'it combines LoRA adapters, and tune.method = "{FULL}" makes none', "leave it out, or tune with lora"
            )
        )
    if recipe.tune.dora:
        raise arm.wrong(
            UsageError("PEFT combines no DoRA adapters: it leaves their row lengths out", "tune without tune.dora")
        )
    return options


def check_mix(arm: Arm, recipe: Recipe) -> MixOptions:
    """How the arm "mix" looks for proportions.

    Args:
        recipe: the arm's.

    Raises:
        UsageError: an unknown option or wrong value, tasks that are drawn otherwise than in proportion, or no SciPy.
    """
    options = _options(arm, MixOptions)
    try:
        check_runs(options)
    except UsageError as error:
        raise arm.wrong(error) from None
    if recipe.data.temperature != 1:
        wrong = f"proportions are what it looks for, and data.temperature = {recipe.data.temperature:g} sets them"
        raise arm.wrong(UsageError(wrong, f'give the arm its own: --arms "{arm.label} data.temperature=1"'))
    if find_spec("scipy") is None:
        raise arm.wrong(UsageError("it fits its law with SciPy, which is not installed", "pip install 'mft[mix]'"))
    return options


def check_mixable(arm: Arm, task_set: TaskSet) -> None:
    """Refuse tasks whose proportions cannot be found.

    Raises:
        UsageError: there is one only, one has no validation samples, or one is called as the files that it shares.
    """
    if len(task_set) == 1:
        wrong = f"it looks for the proportions of tasks, and {task_set.names[0]!r} is the only one"
        raise arm.wrong(UsageError(wrong, "leave the arm out, or give more tasks"))
    without = [task.name for task in task_set if not len(task.valid)]
    if without:
        wrong = f"its law is one of validation losses, and there are no validation samples of {first_few(without)}"
        raise arm.wrong(UsageError(wrong, "raise data.valid_fraction, or give these tasks validation files"))
    for task in task_set:
        # An entry of [[data.tasks]] by this name would say of all tasks of the files how often they are repeated.
        if task.of_entry == task.name:
            wrong = f"the task {task.name!r} is called as the entry or the files that it shares with other tasks"
            hint = "rename these: how often the task is repeated is said by its name, and must be said of it alone"
            raise arm.wrong(UsageError(wrong, hint))


def _options(arm: Arm, kind: type[SomeOptions]) -> SomeOptions:
    """An arm's options as those of a kind.

    Raises:
        UsageError: an unknown option or wrong value.
    """
    fields = kind.model_fields
    refuse_unknown_options(arm, arm.options, fields)
    try:
        return kind.model_validate(arm.options)
    except ValidationError as error:
        raise options_error(error, f"arm {arm.label!r}", "", list(fields)) from None


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
        if arm.name == MERGED:
            warnings.append(
                f"{arm.label!r} trains nothing: beside its own cost it takes that of {partner_of(arm, arms).label!r}; "
                "its weight was chosen on the validation samples that it is measured on"
            )
        if arm.name == MIX:
            warnings.append(
                f"{arm.label!r} trains small runs beside the one that is shown: the table of costs has both; its "
                "proportions were found on the validation samples that it is measured on"
            )
    return warnings
