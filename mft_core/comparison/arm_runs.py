"""Every run of a comparison, arm by arm and seed by seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mft_core.comparison.arm import BASE, MERGED, MIX, SINGLE, Arm
from mft_core.comparison.arms import ArmRun, Merging, Mixing, Outline, Request
from mft_core.comparison.small_runs import Amounts, MixOptions, small_runs
from mft_core.errors import UsageError
from mft_core.recipe.schema import LOSS, Choice, Recipe, TaskSection
from mft_core.tuning.combining import MergeOptions

SMALL = "small"
"""Beginning of what the small runs of "mix" are called."""
REPEAT_DIGITS = 6


def make_runs(
    request: Request,
    outlines: Mapping[str, Outline],
    merging: Mapping[str, MergeOptions],
    mixing: Mapping[str, MixOptions],
) -> list[ArmRun]:
    """Every run of the comparison; seed by seed, so that what is there after an interruption is balanced.

    Within a seed, what is combined comes after all that is trained.

    Args:
        outlines: by arm.
        merging: of the arms that are combined.
        mixing: of the arms that look for proportions.

    Raises:
        UsageError: the small runs of one would be too short.
    """
    ordered = sorted(request.arms, key=lambda arm: arm.name == MERGED)
    runs: list[ArmRun] = []
    for seed in range(request.seeds):
        for arm in ordered:
            outline = outlines[arm.label]
            if arm.name == MERGED:
                partner = partner_of(arm, request.arms).label
                made = [run for run in runs if (run.arm, run.seed) == (partner, seed)]
                how = Merging(merging[arm.label], {run.task: run.folder for run in made})
                runs.append(ArmRun(arm.label, "", seed, _of_all_tasks(request, arm, outline, seed), how))
            elif arm.name == MIX:
                runs += _mixed_by_small_runs(request, arm, outline, mixing[arm.label], seed)
            elif arm.name == SINGLE:
                runs += _alone(request, arm, outline, seed)
            else:
                runs.append(ArmRun(arm.label, "", seed, _of_all_tasks(request, arm, outline, seed)))
    return runs


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


def _of_all_tasks(request: Request, arm: Arm, outline: Outline, seed: int) -> Recipe:
    return _with(outline.recipe, outline.loss, request.output / arm.folder / f"seed-{seed}", seed=seed)


def _mixed_by_small_runs(
    request: Request, arm: Arm, outline: Outline, options: MixOptions, seed: int
) -> Iterator[ArmRun]:
    """The small runs, then the one that they are for.

    Small ones are only measured at the end: nothing is chosen from within them, by which a law could be off.
    """
    amounts = outline.amounts
    try:
        small = small_runs(amounts, options)
    except UsageError as error:
        raise arm.wrong(error) from None
    sources = []
    for number, each in enumerate(small):
        part = f"{SMALL}-{number}"
        folder = request.output / arm.folder / part / f"seed-{seed}"
        shared = with_repeats(outline.recipe, amounts, each.repeats).having("output", affinity=False)
        plain = shared.model_copy(update={"eval": []})
        fields = {"steps": each.steps, "stop": "none", "eval_every": 0}
        yield ArmRun(arm.label, "", seed, _with(plain, outline.loss, folder, seed=seed, **fields), part=part)
        sources.append(folder)
    mixing = Mixing(options, amounts, sources)
    yield ArmRun(arm.label, "", seed, _of_all_tasks(request, arm, outline, seed), mixing=mixing)


def with_repeats(recipe: Recipe, amounts: Amounts, repeats: Sequence[float]) -> Recipe:
    """The recipe with other repetitions of tasks: in their own entries, or in new ones that say no more than that.

    Args:
        repeats: of each of `amounts.tasks`; where none is another than it is, the recipe stays as it is. None of them
            is called as files that it shares with others.
    """
    changed = {
        name: round(float(repeat), REPEAT_DIGITS)
        for name, repeat, before in zip(amounts.tasks, repeats, amounts.repeats, strict=True)
        if abs(repeat - before) > 10.0**-REPEAT_DIGITS
    }
    entries = []
    for entry in recipe.data.tasks:
        own = {"repeat": changed.pop(entry.name)} if entry.name in changed else {}
        entries.append(entry.model_copy(update=own))
    weights = dict(zip(amounts.tasks, map(float, amounts.importance), strict=True))
    new = [TaskSection(name=name, weight=weights[name], repeat=repeat) for name, repeat in changed.items()]
    return recipe.having("data", tasks=[*entries, *new])


def _alone(request: Request, arm: Arm, outline: Outline, seed: int) -> Iterator[ArmRun]:
    for task, budget in outline.budgets.items():
        folder = request.output / arm.folder / task / f"seed-{seed}"
        fields = {"steps": 0, "epochs": budget.epochs, "eval_every": budget.eval_every}
        alone = outline.recipe.having("data", include=[task]).having("output", affinity=False)
        yield ArmRun(arm.label, task, seed, _with(alone, outline.loss, folder, seed=seed, **fields))


def base_run(request: Request, common: Recipe) -> ArmRun:
    """Stands for the model before training: all tasks, nothing trained."""
    return ArmRun(BASE, "", 0, _with(common, Choice(name=LOSS), request.output / BASE, seed=0))


def _with(recipe: Recipe, loss: Choice, folder: Path, **train: Any) -> Recipe:
    return recipe.having("train", **train).having("output", dir=str(folder)).model_copy(update={"loss": loss})
