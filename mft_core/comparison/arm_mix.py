"""The arm "mix": small runs, and one run in the proportions of tasks that these lead to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from mft_core.comparison.arm import MIXED, Arm
from mft_core.comparison.arm_kind import ArmKind, on_all_tasks, own_options, run_recipe
from mft_core.comparison.arms import ArmRun, Mixing, Outline, Request
from mft_core.comparison.budgets import amounts_of
from mft_core.comparison.small_runs import Amounts, MixOptions, check_runs, small_runs
from mft_core.data.tasks import TaskSet
from mft_core.errors import UsageError
from mft_core.recipe.choices import Choice
from mft_core.recipe.schema import Recipe, TaskSection
from mft_core.support.lists import first_few

if TYPE_CHECKING:
    from mft_core.run.plan import Plan
    from mft_core.tuning.tuner import Tuner

SMALL = "small"
"""Beginning of what the small runs are called."""
REPEAT_DIGITS = 6


class Mix(ArmKind):
    """Its runs have the loss of "mixed": where every token is equal, proportions are what they are."""

    loss = MIXED
    has_own_options = True

    def check(self, arm: Arm, arms: Sequence[Arm], recipe: Recipe, tuner: Tuner) -> None:
        """Refuse unknown options, tasks that are drawn otherwise than in proportion, or no SciPy."""
        options = own_options(arm, MixOptions)
        try:
            check_runs(options)
        except UsageError as error:
            raise arm.wrong(error) from None
        if recipe.data.temperature != 1:
            wrong = f"proportions are what it looks for, and data.temperature = {recipe.data.temperature:g} sets them"
            raise arm.wrong(UsageError(wrong, f'give the arm its own: --arms "{arm.label} data.temperature=1"'))
        if find_spec("scipy") is None:
            raise arm.wrong(UsageError("it fits its law with SciPy, which is not installed", "pip install 'mft[mix]'"))

    def check_tasks(self, arm: Arm, tasks: TaskSet) -> None:
        """Refuse one task only, one without validation samples, or one that is called as the files that it shares."""
        if len(tasks) == 1:
            wrong = f"it looks for the proportions of tasks, and {tasks.names[0]!r} is the only one"
            raise arm.wrong(UsageError(wrong, "leave the arm out, or give more tasks"))
        without = [task.name for task in tasks if not len(task.valid)]
        if without:
            wrong = f"its law is one of validation losses, and there are no validation samples of {first_few(without)}"
            raise arm.wrong(UsageError(wrong, "raise data.valid_fraction, or give these tasks validation files"))
        for task in tasks:
            # An entry of [[data.tasks]] by this name would say of all tasks of the files how often they are repeated.
            if task.of_entry == task.name:
                wrong = f"the task {task.name!r} is called as the entry or the files that it shares with other tasks"
                hint = "rename these: how often the task is repeated is said by its name, and must be said of it alone"
                raise arm.wrong(UsageError(wrong, hint))

    def outline(self, plan: Plan, loss: Choice) -> Outline:
        """With what a run trains on in natural proportions."""
        return replace(super().outline(plan, loss), amounts=amounts_of(plan))

    def runs(self, request: Request, arm: Arm, outline: Outline, seed: int) -> Iterator[ArmRun]:
        """The small runs, then the one that they are for.

        Small ones are only measured at the end: nothing is chosen from within them, by which a law could be off.
        """
        amounts, options = outline.amounts, own_options(arm, MixOptions)
        assert amounts is not None
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
            recipe = run_recipe(plain, outline.loss, folder, seed=seed, **fields)
            yield ArmRun(arm.label, "", seed, recipe, part=part)
            sources.append(folder)
        mixing = Mixing(options, amounts, sources)
        yield ArmRun(arm.label, "", seed, on_all_tasks(request, arm, outline, seed), mixing=mixing)

    def remark(self, arm: Arm, arms: Sequence[Arm]) -> str:
        """What its cost has in it, and what its proportions were found on."""
        return (
            f"{arm.label!r} trains small runs beside the one that is shown: the table of costs has both; its "
            "proportions were found on the validation samples that it is measured on"
        )


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
