"""What the card of a result on the Hub says: what its own card does, its scores, and its recipe."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import tomli_w

from mft_core.evaluation.score_file import RESULTS, as_score
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import Recipe
from mft_core.records import Score
from mft_core.run.public_names import public_name
from mft_core.run.results import RunFacts, read_run_facts
from mft_core.run.task_result import TaskResult
from mft_core.support import run_files
from mft_core.tuning.fingerprint import model_fingerprint, read_json_object
from mft_core.tuning.model_card import CARD, CardFacts, CardTask, imports_in, is_of_converted
from mft_core.tuning.repository_files import without_places


def shared_facts(run: Path, place: Path, base: str, repository: str) -> CardFacts:
    """What a card on the Hub says of a finished result: as `card_facts`, and its scores and its recipe.

    Args:
        run: the run's folder; one that is none's has no tasks, scores and recipe.
        place: of the result; its README.md says what only the run's own process knew.
        base: name on the Hub, with "@" and a revision; "": what the recipe calls it.
        repository: the name that the result will have on the Hub.
    """
    path = place / CARD
    card = path.read_text(encoding="utf-8") if path.is_file() else ""
    about = CardFacts(base, True, imports=imports_in(card), converted=is_of_converted(card), repository=repository)
    if not (run / run_files.RECIPE).is_file():
        return about if base else replace(about, base="a base that has no name here", on_hub=False)
    recipe, facts = load_recipe(run / run_files.RECIPE), read_run_facts(run)
    name, on_hub = (base, True) if base else public_name(recipe.model.base)
    return replace(
        about,
        base=name,
        on_hub=on_hub,
        method=recipe.tune.method,
        step=facts.step if facts.selected is None else facts.selected,
        tasks=tuple(map(_shared_task, facts.tasks)),
        watched=tuple(map(_shared_task, facts.watched)),
        scores=_scores(run, facts),
        recipe=_shared_recipe(recipe, name),
    )


def _shared_task(task: TaskResult) -> CardTask:
    train, valid, supervised = (int(task.data.get(key) or 0) for key in ("train", "valid", "supervised"))
    return CardTask(task.name, train, valid, supervised, task.before, task.after, task.noise)


def _scores(run: Path, facts: RunFacts) -> tuple[Score, ...]:
    """Of the finished model: at the end of the run, and by `mft eval` in its folder; the newest of each counts."""
    rows = [score for score in facts.scores if score["step"] == facts.selected]
    evaluations = [read_json_object(path) for path in sorted((run / run_files.EVALUATIONS).glob(f"*/{RESULTS}"))]
    model = model_fingerprint(run) if evaluations else ""
    for found in evaluations:
        rows += found.get("results", ()) if found.get("model") == model else ()
    scores = [as_score(row) for row in rows]
    newest = {(one.task, one.metric, one.protocol): one for one in scores if math.isfinite(one.value)}
    return tuple(newest.values())


def _shared_recipe(recipe: Recipe, base: str) -> str:
    """As TOML, without what says only where something lay."""
    values = without_places(recipe.having("model", base=base).model_dump(mode="json", exclude_none=True))
    return tomli_w.dumps({section: value for section, value in values.items() if section != "output"})
