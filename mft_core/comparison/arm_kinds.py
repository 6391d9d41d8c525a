"""Every kind of arm by its name, and what the arms of a comparison are trained with."""

from __future__ import annotations

from collections.abc import Sequence

from mft_core.comparison.arm import MERGED, MIX, SINGLE, Arm
from mft_core.comparison.arm_kind import ArmKind
from mft_core.comparison.arm_merged import Merged
from mft_core.comparison.arm_mix import Mix
from mft_core.comparison.arm_single import Single
from mft_core.comparison.arms import Request, refuse_unknown_options
from mft_core.errors import UsageError
from mft_core.recipe.choices import Choice
from mft_core.registry.catalog import Catalog
from mft_core.support.suggestions import did_you_mean

KINDS: dict[str, ArmKind] = {SINGLE: Single(), MERGED: Merged(), MIX: Mix()}
"""Arms that are no losses."""
OF_A_LOSS = ArmKind()


def kind_of(arm: Arm) -> ArmKind:
    """What kind of arm it is."""
    return KINDS.get(arm.name, OF_A_LOSS)


def check_arms(arms: Sequence[Arm], catalog: Catalog) -> tuple[Arm, ...]:
    """The arms, none of which is unknown.

    Raises:
        UsageError: one that is neither of another kind nor a loss; two whose results would lie in one folder.
        MftError: one that the runs which are opened had, and that is gone.
    """
    names = [entry.name for entry in catalog.of_kind("loss")]
    folders: dict[str, Arm] = {}
    for arm in arms:
        if arm.name not in KINDS and catalog.find("loss", arm.name) is None:
            catalog.require_recorded("loss", arm.name)
            hint = did_you_mean(arm.name, [*KINDS, *names])
            raise UsageError(f"--arms: {arm.name!r} is neither {', '.join(map(repr, KINDS))} nor a loss", hint)
        other = folders.setdefault(arm.folder, arm)
        if other is not arm:
            raise UsageError(
                f"--arms: {other.label!r} and {arm.label!r} would have one folder", "leave one of them out"
            )
    return tuple(arms)


def arm_losses(request: Request, catalog: Catalog) -> dict[str, Choice]:
    """The loss of every arm.

    The recipe's loss options belong to its own loss; those in `request.loss_options` to every loss that has them; an
    arm's own go before both.

    Raises:
        UsageError: an option that no arm's loss has, or a wrong value.
    """
    losses: dict[str, Choice] = {}
    used: set[str] = set()
    own = catalog.get("loss", request.recipe.loss.name)
    for arm in request.arms:
        kind = kind_of(arm)
        name = kind.loss or arm.name
        declared = catalog.load("loss", name).Options.model_fields
        given = {key: value for key, value in request.loss_options.items() if key in declared}
        kept = request.recipe.loss.options if catalog.get("loss", name) == own else {}
        arms_own = {} if kind.has_own_options else arm.options
        refuse_unknown_options(arm, arms_own, declared)
        losses[arm.label] = Choice(name=name, options={**kept, **given, **arms_own})
        catalog.build("loss", name, losses[arm.label].options, f"[loss] of arm {arm.label}")
        used |= given.keys()
    unknown = sorted(request.loss_options.keys() - used)
    if unknown:
        raise UsageError(
            f"--set loss.{unknown[0]}: no arm's loss has this option", f"arms: {', '.join(request.labels)}"
        )
    return losses
