"""The proportions that small runs of the arm "mix" lead to, and what is expected of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mft_core.batching.batch_plan import BatchPlan
from mft_core.comparison.arm import AMOUNTS_EVENT
from mft_core.comparison.arm_mix import with_repeats
from mft_core.comparison.arms import ArmRun, Mixing
from mft_core.comparison.losses_file import LOSSES_FILE, Measured, read_losses
from mft_core.comparison.mixing_law import fit_laws, predict, unseen_errors
from mft_core.comparison.proportions import best_shares
from mft_core.errors import MftError, UsageError
from mft_core.events import read_events
from mft_core.support import run_files
from mft_core.support.durable import file_digest, make_folder, write_text
from mft_core.support.ranks import is_main_rank
from mft_core.tuning.fingerprint import read_json_object


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of the small runs.

    Attributes:
        amounts: float64 [M, N], tokens of each task that each run trained on.
        losses: float64 [M, N], validation losses, nats per token.
    """

    amounts: np.ndarray
    losses: np.ndarray


def trained_tokens(training: BatchPlan, steps: int, tasks: int) -> np.ndarray:
    """int64 [tasks]: tokens of each task in the first `steps` optimizer steps of a run, without padding."""
    tokens = np.zeros(tasks, np.int64)
    for step in range(steps):
        members = np.concatenate(training.step(step)[0])
        counted = np.bincount(training.table.task[members], training.table.lengths[members], tasks)
        tokens += counted.astype(np.int64)
    return tokens


def resolved(run: ArmRun) -> ArmRun:
    """The run with the proportions that its small runs led to, in its recipe; any other run as it is.

    What was found is kept in a file beside the run's folder, and taken from there as long as the small runs are those
    it was found from.

    Raises:
        MftError: a small run has not ended, or has a loss that is not finite.
        UsageError: the run was begun with what other small runs led to.
    """
    if run.mixing is None:
        return run
    found = read_mixture(run)
    if found is None:
        if (run.folder / run_files.RECIPE).exists():
            raise UsageError(
                f"the small runs of {run.label} came out otherwise than those that its proportions were found from",
                f"delete {run.folder}, to train it with those they lead to now; or compare in another --output",
            )
        found = {"sources": _sources(run.mixing), **find_mixture(run.mixing, _read_tried(run.mixing))}
        if is_main_rank():
            make_folder(run.folder.parent)
            write_text(_file(run), json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    repeats = [found["tasks"][task]["repeat"] for task in run.mixing.amounts.tasks]
    return replace(run, recipe=with_repeats(run.recipe, run.mixing.amounts, repeats))


def read_mixture(run: ArmRun) -> dict[str, Any] | None:
    """What was found for a run, JSON values; None where nothing was, or from small runs that came out otherwise."""
    assert run.mixing is not None
    found = read_json_object(_file(run))
    return found if found and found.get("sources") == _sources(run.mixing) else None


def find_mixture(mixing: Mixing, tried: Tried) -> dict[str, Any]:
    """The proportions at which the laws expect the lowest mean loss; the natural ones, where the laws' own error is no
    less than what they promise.

    Returns:
        JSON values. "promised": by how much the expected mean loss is lower than in natural proportions; "error": of
        the mean loss of a small run that the laws have not seen, root mean square; "supported": whether that is less;
        "natural" and "predicted": the expected mean loss in natural proportions, and in those that are taken; "tasks":
        for each, "natural" and "share" of the tokens, "best" share by the law, "repeat", "passes" over its data,
        "predicted" loss, "error" as above, whether its share is "bounded" by `factor`, and its "law".
    """
    amounts, budget = mixing.amounts, mixing.amounts.budget
    importance = amounts.importance / amounts.importance.sum()
    laws = fit_laws(tried.amounts, tried.losses)
    errors = unseen_errors(tried.amounts, tried.losses)
    natural = amounts.natural
    best = best_shares(laws, natural, importance, budget, mixing.options.factor)
    expected = {name: predict(laws, shares * budget) for name, shares in (("natural", natural), ("best", best))}
    promised = float((expected["natural"] - expected["best"]) @ importance)
    error = _root_mean_square(errors @ importance)
    supported = promised > error
    shares = best if supported else natural
    times = shares / natural
    tasks = {
        name: {
            "natural": float(natural[i]),
            "best": float(best[i]),
            "share": float(shares[i]),
            "repeat": float(amounts.repeats[i] * times[i]),
            "passes": float(amounts.passes * amounts.repeats[i] * times[i]),
            "predicted": float(expected["best" if supported else "natural"][i]),
            "error": _root_mean_square(errors[:, i]),
            "bounded": bool(abs(np.log(best[i] / natural[i])) > np.log(mixing.options.factor) - 1e-3),
            "law": {key: getattr(laws[i], key) for key in ("scale", "transfer", "exponent", "rate", "floor", "unit")},
        }
        for i, name in enumerate(amounts.tasks)
    }
    return {
        "supported": supported,
        "promised": promised,
        "error": error,
        "natural": float(expected["natural"] @ importance),
        "predicted": float(expected["best" if supported else "natural"] @ importance),
        "small_runs": len(tried.losses),
        "small_tokens": float(tried.amounts.sum()),
        "tasks": tasks,
    }


def held_to(found: Mapping[str, Any], mixing: Mixing, measured: Measured) -> dict[str, Any]:
    """What was found for a run, and what its model "reached": on the mean over tasks, and on each of them."""
    importance = mixing.amounts.importance / mixing.amounts.importance.sum()
    losses = _losses(measured, mixing.amounts.tasks)
    tasks = {
        name: {**found["tasks"][name], "reached": float(loss)}
        for name, loss in zip(mixing.amounts.tasks, losses, strict=True)
    }
    return {**found, "reached": float(losses @ importance), "tasks": tasks}


def _root_mean_square(errors: np.ndarray) -> float:
    return float(np.sqrt((errors**2).mean()))


def _file(run: ArmRun) -> Path:
    return run.folder.parent / f"proportions-{run.folder.name}.json"


def _sources(mixing: Mixing) -> dict[str, str]:
    """By small run, what identifies its outcome; "" where there is none yet."""
    files = {folder.parent.name: folder / LOSSES_FILE for folder in mixing.sources}
    return {name: file_digest(path) if path.is_file() else "" for name, path in files.items()}


def _read_tried(mixing: Mixing) -> Tried:
    tasks, amounts, losses = mixing.amounts.tasks, [], []
    for folder in mixing.sources:
        events = [each for each in read_events(folder / run_files.METRICS) if each["event"] == AMOUNTS_EVENT]
        measured = read_losses(folder / LOSSES_FILE)
        if not events or measured is None:
            raise MftError(f"{folder} is no small run that has ended", "run the same command again")
        amounts.append([events[-1]["tokens"][task] for task in tasks])
        losses.append(_losses(measured, tasks))
        if not np.isfinite(losses[-1]).all():
            lost = [task for task, loss in zip(tasks, losses[-1], strict=True) if not np.isfinite(loss)]
            raise MftError(
                f"the small run {folder} has a loss on {', '.join(lost)} that is not finite: no law can be fitted",
                "lower train.learning_rate, or leave the arm out",
            )
        if min(amounts[-1]) <= 0:
            raise MftError(
                f"the small run {folder} has trained on nothing of {tasks[int(np.argmin(amounts[-1]))]}",
                "give the small runs more (share=2), a smaller factor, or that task more data",
            )
    return Tried(np.array(amounts, np.float64), np.array(losses, np.float64))


def _losses(measured: Measured, tasks: tuple[str, ...]) -> np.ndarray:
    """float64 [N], nats per token."""
    return np.array([measured[task].cross_entropy.sum() / measured[task].tokens.sum() for task in tasks], np.float64)
