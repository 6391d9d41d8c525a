"""In the worker: samples of a run's data as the model gets them, and prompts to try; torch is imported here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mft_board.places import lies_in
from mft_core.data.sample_view import stretches
from mft_core.data.stored_records import stored_records
from mft_core.data.tool_text import in_text
from mft_core.errors import UsageError
from mft_core.recipe.loading import load_recipe
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.support import run_files
from mft_core.support.paths import cache_folder
from mft_core.support.thoughts import without_thought

if TYPE_CHECKING:
    from mft_core.data.tasks import Task
    from mft_core.recipe.schema import Recipe
    from mft_core.registry.catalog import Catalog
    from mft_core.run.plan import Plan

PER_PAGE, MOST_PROMPTS, BINS = 5, 20, 24


def samples(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Some samples of a task, how long all of its are, and what other tasks there are."""
    plan = _plan(request["run"], tuple(request["roots"]))
    tasks = plan.task_set.every
    task = _task(tasks, request["task"])
    store = task.valid if request["side"] == "valid" else task.train
    first = min(request["first"], max(0, len(store) - 1) // PER_PAGE * PER_PAGE)
    yield {
        "tasks": [{"name": each.name, "train": len(each.train), "valid": len(each.valid)} for each in tasks],
        "task": task.name,
        "first": first,
        "all": len(store),
        "histograms": {"tokens": _histogram(store.lengths), "learned tokens": _histogram(store.supervised_counts)},
        "samples": [
            {
                "origin": store.origin(number),
                "tokens": int(store.lengths[number]),
                "supervised": int(store.supervised_counts[number]),
                "parts": [asdict(part) for part in stretches(store.sample(number), plan.tokenizer)],
            }
            for number in range(first, min(first + PER_PAGE, len(store)))
        ],
    }


def prompts(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Validation records of a task that are one question and its answer, with or without a system turn."""
    plan = _plan(request["run"], tuple(request["roots"]))
    task = _task(plan.task_set.every, request["task"])
    found = []
    for record in stored_records(task.valid, plan.parts.readers):
        turns = in_text(record.turns)
        if [turn.role for turn in turns[-2:]] == ["user", "assistant"] and all(
            turn.role == "system" for turn in turns[:-2]
        ):
            system = "\n\n".join(turn.content for turn in turns[:-2])
            reference = without_thought(turns[-1].content)
            found.append({"prompt": turns[-2].content, "system": system, "reference": reference})
    yield {"tasks": [each.name for each in plan.task_set.every], "task": task.name, "prompts": found[:MOST_PROMPTS]}


def _task(tasks: Sequence[Task], name: str) -> Task:
    """The one of that name; "": the first."""
    found = next((task for task in tasks if name in ("", task.name)), None)
    if found is None:
        raise UsageError(f"The run has no task {name!r}.", "")
    return found


def _histogram(values: np.ndarray) -> dict[str, list[float]]:
    """How many values are in each of some stretches, and the ends of these."""
    if not len(values):
        return {"counts": [], "edges": []}
    counts, edges = np.histogram(values, bins=min(BINS, max(1, int(values.max() - values.min()))))
    return {"counts": counts.tolist(), "edges": edges.tolist()}


@lru_cache(maxsize=2)
def _plan(run: str, roots: tuple[str, ...]) -> Plan:
    from mft_core.run.plan import make_plan

    folder = Path(run)
    catalog = discover(Workspace.find()).opening(folder).catalog
    recipe = load_recipe(folder / run_files.RECIPE)
    _check(recipe, catalog, [*map(Path, roots), cache_folder().resolve()])
    return make_plan(recipe, catalog)


def _check(recipe: Recipe, catalog: Catalog, roots: Sequence[Path]) -> None:
    """Refuse data that lies elsewhere than in the board's folders, or in mft's own cache."""
    from mft_core.batching.prepared import open_prepared
    from mft_core.run.components import choose_parts
    from mft_core.run.recipe_check import every_task

    prepared = Path(recipe.data.prepared).expanduser() if recipe.data.prepared else None
    if prepared is not None:
        _inside(prepared, roots)
    opened = open_prepared(prepared) if prepared else None
    for task in every_task(recipe, choose_parts(recipe, catalog), opened):
        for path in () if prepared else (*task.train, *task.valid):
            _inside(path, roots)


def _inside(path: Path, roots: Sequence[Path]) -> None:
    if not lies_in(path, roots):
        raise UsageError(
            f"The run's data lies outside of the folders of this board: {path}.",
            f"Start the board with its folder too: mft board ... {path.resolve().parent}",
        )
