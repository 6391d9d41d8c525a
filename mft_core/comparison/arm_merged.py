"""The arm "merged": the adapters of "single", combined without training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mft_core.comparison.arm import SINGLE, Arm
from mft_core.comparison.arm_kind import ArmKind, on_all_tasks, own_options
from mft_core.comparison.arm_single import single_folder
from mft_core.comparison.arms import ArmRun, Merging, Outline, Request
from mft_core.errors import UsageError
from mft_core.recipe.choices import LOSS
from mft_core.recipe.schema import Recipe
from mft_core.tuning.combining import SPARSE, MergeOptions
from mft_core.tuning.tuner import Tuner


class Merged(ArmKind):
    """Its runs take no step: the loss in their recipes is the one that the adapters were trained with."""

    loss = LOSS
    has_own_options = True
    comes_last = True

    def check(self, arm: Arm, arms: Sequence[Arm], recipe: Recipe, tuner: Tuner) -> None:
        """Refuse unknown options, no arm to take adapters from, or such as cannot be combined."""
        options = own_options(arm, MergeOptions)
        if "density" in arm.options and options.method not in SPARSE:
            wrong = UsageError(
                f"method {options.method} keeps whole matrices", f"density belongs to {', '.join(SPARSE)}"
            )
            raise arm.wrong(wrong)
        partner_of(arm, arms)
        try:
            tuner.check_combining()
        except UsageError as error:
            said = f'tune.method = "{recipe.tune.method}": {error.message}'
            raise arm.wrong(UsageError(said, error.hint)) from None

    def runs(self, request: Request, arm: Arm, outline: Outline, seed: int) -> Iterator[ArmRun]:
        """One, which needs those of "single"."""
        partner = partner_of(arm, request.arms)
        sources = {task: single_folder(request, partner, task, seed) for task in outline.tasks}
        merging = Merging(own_options(arm, MergeOptions), sources)
        yield ArmRun(arm.label, "", seed, on_all_tasks(request, arm, outline, seed), merging)

    def remark(self, arm: Arm, arms: Sequence[Arm]) -> str:
        """What it costs in truth, and what its weight was chosen on."""
        return (
            f"{arm.label!r} trains nothing: beside its own cost it takes that of {partner_of(arm, arms).label!r}; "
            "its weight was chosen on the validation samples that it is measured on"
        )


def partner_of(arm: Arm, arms: Sequence[Arm]) -> Arm:
    """The arm whose adapters a "merged" one combines: "single" with the same recipe.

    Raises:
        UsageError: it is not among them.
    """
    for other in arms:
        if other.name == SINGLE and other.keys == arm.keys:
            return other
    wanted = Arm(SINGLE, arm.keys).label
    given = ",".join(each.label for each in arms)
    raise UsageError(
        f"arm {arm.label!r} combines the adapters of the arm {wanted!r}, which is not compared",
        f'add it: --arms "{wanted},{given}"',
    )
