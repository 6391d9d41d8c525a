"""Budgets of arms."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from helpers.token_data import pair, prepare, task_file
from mft_core.comparison.budgets import Budget, passes, single_budgets
from mft_core.recipe.loading import load_recipe
from mft_core.records import TaskFiles
from mft_core.run.task_data import batch_plan
from mft_core.support.reading import TaskSampling
from mft_packing.padding import Dynamic


def test_passes_count_parts_of_an_epoch() -> None:
    from mft_core.batching.batch_plan import BatchPlan

    class Rows:
        """Four steps an epoch."""

        locate = staticmethod(lambda step: divmod(step, 4))
        epoch = staticmethod(lambda number: type("Epoch", (), {"steps": 4}))

    plan: BatchPlan = Rows()  # type: ignore[assignment]
    assert [passes(plan, steps) for steps in (1, 4, 5, 8, 10)] == [0.25, 1.0, 1.25, 2.0, 2.5]


def test_a_task_alone_has_the_passes_that_it_has_among_others(tmp_path: Path) -> None:
    path = task_file(tmp_path / "t.jsonl", [pair(number) for number in range(20)])
    files = [TaskFiles(name, (path,), sampling=TaskSampling(repeat=of)) for name, of in (("often", 3.0), ("once", 1.0))]
    tasks = prepare(files, tmp_path / "cache", valid_fraction=0.2)
    recipe = load_recipe(None, [("train.batch_size", 4), ("train.epochs", 2.0), ("train.eval_every", 8)])
    training = batch_plan(recipe, tasks, Dynamic())
    total = training.total_steps(2.0)
    assert total == 2 * (3 + 1) * 16 / 4
    budgets = single_budgets(SimpleNamespace(recipe=recipe, task_set=tasks, training=training, total_steps=total))
    assert budgets == {"often": Budget(2.0, 6), "once": Budget(2.0, 2)}
